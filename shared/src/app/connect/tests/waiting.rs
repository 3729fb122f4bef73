//! Leads that wait for a connection, and what a failed one leaves.

use jiff::{SignedDuration, Timestamp};

use super::{OTHER_ACCOUNT, authorize, callback_params, confirmed_terms, row, scene};
use crate::app::connect::{CallbackOutcome, Choice, Connect, ConnectError};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::{ConnectionStatus, LimitedReason};
use crate::domain::ids::{LeadId, RemoteId};
use crate::domain::lead::{LeadState, WaitReason};
use crate::fakes::{Call, Memory};
use crate::ports::{Clock as _, Connections as _, TokenError};

/// The state of a lead after three minutes of releases and drains.
async fn state_after_minutes(scene: &Scene, lead: &LeadId) -> LeadState {
    for _ in 0..3 {
        scene.memory.clock.advance(SignedDuration::from_mins(1));
        scene.memory.release().await.unwrap();
        assert!(scene.drain().await.is_empty());
    }
    scene.state(lead).await
}

async fn choose(connect: &Connect<Memory>, cookie: &str, list: &RemoteId) {
    let choice = Choice {
        lists: vec![list.clone()],
        terms: confirmed_terms(connect, cookie).await,
        ..Choice::default()
    };
    connect.choose(Some(cookie), choice).await.unwrap();
}

#[tokio::test]
async fn lead_goes_to_a_changed_account_only_once_confirmed_and_a_list_is_chosen() {
    let (scene, list) = scene().await;
    let (connect, crm) = (scene.memory.connect(), &scene.memory.crm);
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    crm.revoke(ACCOUNT);
    let lead = scene.sign_up("ada@example.com").await;
    assert_eq!(
        state_after_minutes(&scene, &lead).await,
        LeadState::waiting(WaitReason::Reconnect)
    );
    let (cookie, state) = authorize(&scene).await;

    let outcome = connect.handle_callback(
        callback_params(&scene, OTHER_ACCOUNT, &state),
        Some(&cookie),
    );

    assert_eq!(outcome.await.unwrap(), CallbackOutcome::OtherAccount);
    assert_eq!(state_after_minutes(&scene, &lead).await.as_str(), "waiting");
    connect.confirm_account(Some(&cookie), None).await.unwrap();
    assert_eq!(
        state_after_minutes(&scene, &lead).await.as_str(),
        "waiting",
        "no list is chosen yet"
    );
    assert_eq!(crm.count(Call::SignUp), 0);
    choose(&connect, &cookie, &list).await;
    assert_eq!(
        state_after_minutes(&scene, &lead).await.as_str(),
        "delivered"
    );
    assert_eq!(crm.contacts(OTHER_ACCOUNT).len(), 1);
    assert_eq!(crm.contacts(ACCOUNT), []);
}

/// As a callback for another account leaves it that ended before the new tokens were stored.
#[tokio::test]
async fn confirming_the_account_whose_lists_were_chosen_before_releases_waiting_leads() {
    let (scene, _) = scene().await;
    let (connect, directory) = (scene.memory.connect(), &scene.memory.directory);
    let reason = LimitedReason::AccountChanged;
    let held = ConnectionStatus::Limited { reason };
    let generation = row(&scene).await.generation;
    let set = directory.set_status(&scene.customer, generation, &held);
    assert!(set.await.unwrap());
    let lead = scene.sign_up("ada@example.com").await;
    for _ in 0..2 {
        let rights = LeadState::waiting(WaitReason::Rights);
        assert_eq!(state_after_minutes(&scene, &lead).await, rights);
        scene.memory.clock.advance(SignedDuration::from_hours(1));
    }

    let (cookie, state) = authorize(&scene).await;
    let params = callback_params(&scene, ACCOUNT, &state);
    let outcome = connect.handle_callback(params, Some(&cookie)).await;
    assert_eq!(outcome.unwrap(), CallbackOutcome::OtherAccount);
    assert_eq!(state_after_minutes(&scene, &lead).await.as_str(), "waiting");
    connect.confirm_account(Some(&cookie), None).await.unwrap();

    let state = state_after_minutes(&scene, &lead).await;
    assert_eq!(state.as_str(), "delivered");
}

#[tokio::test]
async fn lead_waits_until_a_user_with_write_rights_connects() {
    let scene = Scene::unconnected().await;
    let (connect, crm) = (scene.memory.connect(), &scene.memory.crm);
    let lead = scene.sign_up("ada@example.com").await;
    let unconnected = LeadState::waiting(WaitReason::NotConnected);
    assert_eq!(state_after_minutes(&scene, &lead).await, unconnected);

    crm.set_privileges(ACCOUNT, &["contacts:lists:read"]);
    let (cookie, state) = authorize(&scene).await;
    let without_rights =
        connect.handle_callback(callback_params(&scene, ACCOUNT, &state), Some(&cookie));
    assert_eq!(without_rights.await.unwrap(), CallbackOutcome::Lists);
    let reason = LimitedReason::MissingPrivilege;
    let limited = ConnectionStatus::Limited { reason };
    assert_eq!(row(&scene).await.status, limited);
    assert_eq!(state_after_minutes(&scene, &lead).await.as_str(), "waiting");
    assert_eq!(crm.count(Call::SignUp), 0);

    let rights = ["contacts:read", "contacts:write", "contacts:lists:read"];
    crm.set_privileges(ACCOUNT, &rights);
    let (cookie, state) = authorize(&scene).await;
    let with_rights =
        connect.handle_callback(callback_params(&scene, ACCOUNT, &state), Some(&cookie));
    assert_eq!(with_rights.await.unwrap(), CallbackOutcome::Lists);
    choose(&connect, &cookie, &scene.list).await;
    assert_eq!(
        state_after_minutes(&scene, &lead).await.as_str(),
        "delivered"
    );
    assert_eq!(crm.count(Call::SignUp), 1);
}

#[tokio::test]
async fn connecting_while_the_token_endpoint_is_throttled_reports_when_to_retry() {
    let (scene, _) = scene().await;
    let (cookie, state) = authorize(&scene).await;
    let retry_after = SignedDuration::from_mins(10);
    let throttled = TokenError::Throttled { retry_after };
    scene.memory.crm.fail_next_token_call(throttled);
    let retry_at = scene.memory.clock.now() + retry_after;

    let connect = scene.memory.connect();
    let result = connect.handle_callback(callback_params(&scene, ACCOUNT, &state), Some(&cookie));

    let result = result.await;
    let is_close = |at: Timestamp| {
        at >= retry_at && at.duration_since(retry_at) < SignedDuration::from_mins(2)
    };
    assert!(
        matches!(result, Err(ConnectError::NoCalls { until: at }) if is_close(at)),
        "{result:?}"
    );
}

#[tokio::test]
async fn invalid_code_leaves_the_connection_unchanged() {
    let (scene, _) = scene().await;
    let before = row(&scene).await;
    let (cookie, state) = authorize(&scene).await;
    let refused = TokenError::InvalidGrant;
    scene.memory.crm.fail_next_token_call(refused);

    let connect = scene.memory.connect();
    let result = connect.handle_callback(callback_params(&scene, ACCOUNT, &state), Some(&cookie));

    assert!(matches!(result.await, Err(ConnectError::CodeRefused)));
    assert_eq!(row(&scene).await, before);
    let keeper = scene.memory.keeper();
    let access = keeper.access(&scene.customer, None, Timestamp::MAX).await;
    assert_eq!(access.unwrap().generation, before.generation);
    let lead = scene.sign_up("ada@example.com").await;
    scene.drain().await;
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}
