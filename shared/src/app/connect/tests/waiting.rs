//! A lead that waits while somebody connects, until it goes out.

use jiff::{SignedDuration, Timestamp};

use super::{OTHER, authorize, back, row, scene, tick};
use crate::app::connect::{CallbackOutcome, Choice, Connect, ConnectError};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::{ConnectionStatus, LimitedReason};
use crate::domain::ids::{LeadId, RemoteId};
use crate::domain::lead::{LeadState, WaitReason};
use crate::fakes::{Call, Memory};
use crate::ports::{Clock as _, TokenError};

/// The state of a lead within the next minutes.
async fn state_soon(scene: &Scene, lead: &LeadId) -> LeadState {
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
        terms: tick(connect, cookie).await,
        ..Choice::default()
    };
    connect.choose(Some(cookie), choice).await.unwrap();
}

#[tokio::test]
async fn a_lead_goes_to_another_account_than_before_once_somebody_says_that_it_is_meant() {
    let (scene, list) = scene().await;
    let (connect, crm) = (scene.memory.connect(), &scene.memory.crm);
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    crm.revoke(ACCOUNT);
    let lead = scene.sign_up("ada@example.com").await;
    assert_eq!(
        state_soon(&scene, &lead).await,
        LeadState::waits(WaitReason::Reconnect)
    );
    let (cookie, state) = authorize(&scene).await;

    let landing = connect.finish(back(&scene, OTHER, &state), Some(&cookie));

    assert_eq!(landing.await.unwrap(), CallbackOutcome::OtherAccount);
    assert_eq!(state_soon(&scene, &lead).await.as_str(), "waiting");
    connect.confirm_account(Some(&cookie), None).await.unwrap();
    assert_eq!(
        state_soon(&scene, &lead).await.as_str(),
        "waiting",
        "on no list"
    );
    assert_eq!(crm.count(Call::SignUp), 0);
    choose(&connect, &cookie, &list).await;
    assert_eq!(state_soon(&scene, &lead).await.as_str(), "delivered");
    assert_eq!(crm.contacts(OTHER).len(), 1);
    assert_eq!(crm.contacts(ACCOUNT), []);
}

#[tokio::test]
async fn a_lead_goes_out_once_a_user_connects_who_may_write_contacts() {
    let scene = Scene::unconnected().await;
    let (connect, crm) = (scene.memory.connect(), &scene.memory.crm);
    let lead = scene.sign_up("ada@example.com").await;
    let unconnected = LeadState::waits(WaitReason::NotConnected);
    assert_eq!(state_soon(&scene, &lead).await, unconnected);

    crm.set_privileges(ACCOUNT, &["contacts:lists:read"]);
    let (cookie, state) = authorize(&scene).await;
    let powerless = connect.finish(back(&scene, ACCOUNT, &state), Some(&cookie));
    assert_eq!(powerless.await.unwrap(), CallbackOutcome::Lists);
    let reason = LimitedReason::MissingPrivilege;
    let limited = ConnectionStatus::Limited { reason };
    assert_eq!(row(&scene).await.status, limited);
    assert_eq!(state_soon(&scene, &lead).await.as_str(), "waiting");
    assert_eq!(crm.count(Call::SignUp), 0);

    let rights = ["contacts:read", "contacts:write", "contacts:lists:read"];
    crm.set_privileges(ACCOUNT, &rights);
    let (cookie, state) = authorize(&scene).await;
    let able = connect.finish(back(&scene, ACCOUNT, &state), Some(&cookie));
    assert_eq!(able.await.unwrap(), CallbackOutcome::Lists);
    choose(&connect, &cookie, &scene.list).await;
    assert_eq!(state_soon(&scene, &lead).await.as_str(), "delivered");
    assert_eq!(crm.count(Call::SignUp), 1);
}

#[tokio::test]
async fn whoever_connects_while_the_token_endpoint_asks_for_a_rest_reads_until_when() {
    let (scene, _) = scene().await;
    let (cookie, state) = authorize(&scene).await;
    let retry_after = SignedDuration::from_mins(10);
    let throttled = TokenError::Throttled { retry_after };
    scene.memory.crm.token_answer_next(throttled);
    let over = scene.memory.clock.now() + retry_after;

    let connect = scene.memory.connect();
    let ended = connect.finish(back(&scene, ACCOUNT, &state), Some(&cookie));

    let ended = ended.await;
    let until =
        |at: Timestamp| at >= over && at.duration_since(over) < SignedDuration::from_mins(2);
    assert!(
        matches!(ended, Err(ConnectError::NoCalls { until: at }) if until(at)),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_code_that_is_no_good_leaves_the_connection_as_it_was() {
    let (scene, _) = scene().await;
    let before = row(&scene).await;
    let (cookie, state) = authorize(&scene).await;
    let refused = TokenError::InvalidGrant;
    scene.memory.crm.token_answer_next(refused);

    let connect = scene.memory.connect();
    let ended = connect.finish(back(&scene, ACCOUNT, &state), Some(&cookie));

    assert!(matches!(ended.await, Err(ConnectError::CodeRefused)));
    assert_eq!(row(&scene).await, before);
    let keeper = scene.memory.keeper();
    let access = keeper.access(&scene.customer, None, Timestamp::MAX).await;
    assert_eq!(access.unwrap().generation, before.generation);
    let lead = scene.sign_up("ada@example.com").await;
    scene.drain().await;
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}
