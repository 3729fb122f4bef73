//! A connection whose tokens are not stored here needs a reconnect, unless it is just being ended.

use futures_util::poll;
use jiff::{SignedDuration, Timestamp};

use super::{access, expired, status, wait_reason};
use crate::app::connect::disconnect;
use crate::app::deliver::Drain;
use crate::app::scene::{NOON, Scene};
use crate::app::token_keeper::TokenKeeper;
use crate::domain::connection::{ConnectionStatus, ReconnectReason};
use crate::domain::lead::WaitReason;
use crate::fakes::{Call, Memory, VirtualClock};
use crate::ports::{Clock as _, Connections as _, Event, Vault as _};

/// The token keeper of another stack, which got this one's tables.
fn keeper_of_other_stack(scene: &Scene) -> TokenKeeper<Memory> {
    TokenKeeper {
        stack: "staging".into(),
        ..scene.memory.keeper()
    }
}

fn token_lost(since: Timestamp) -> ConnectionStatus {
    let reason = ReconnectReason::TokenLost;
    ConnectionStatus::NeedsReconnect { reason, since }
}

fn connection_event(scene: &Scene, status: ConnectionStatus, at: Timestamp) -> Event {
    Event::Connection {
        customer_id: scene.customer.clone(),
        status,
        at,
    }
}

#[tokio::test]
async fn connection_of_another_stack_is_not_refreshed_and_needs_reconnect() {
    let scene = expired().await;
    let (keeper, now) = (keeper_of_other_stack(&scene), scene.memory.clock.now());

    for _ in 0..2 {
        let access = keeper.access(&scene.customer, None, Timestamp::MAX).await;
        assert_eq!(wait_reason(access), WaitReason::Reconnect);
    }

    assert_eq!(scene.memory.crm.count(Call::Refresh), 0);
    assert_eq!(status(&scene).await, token_lost(now));
    assert_eq!(
        scene.memory.events.published(),
        [connection_event(&scene, token_lost(now), now)]
    );
    let lost = scene.memory.directory.lost(10).await.unwrap();
    assert_eq!(lost.len(), 1);
}

#[tokio::test]
async fn connection_of_another_stack_needs_reconnect_at_once_even_if_its_token_is_valid() {
    let scene = Scene::connected().await;
    scene.memory.vault.delete(&scene.customer).await.unwrap();
    let (keeper, now) = (keeper_of_other_stack(&scene), scene.memory.clock.now());

    let access = keeper.access(&scene.customer, None, Timestamp::MAX).await;

    assert_eq!(wait_reason(access), WaitReason::Reconnect);
    assert_eq!(scene.memory.clock.now(), now);
}

#[tokio::test]
async fn disconnected_connection_of_another_stack_is_not_reported_as_lost() {
    let scene = Scene::connected().await;
    let (directory, ended) = (&scene.memory.directory, ConnectionStatus::Disconnected);
    let set = directory.set_status(&scene.customer, 1, &ended).await;
    assert!(set.unwrap());

    let keeper = keeper_of_other_stack(&scene);
    let access = keeper.access(&scene.customer, None, Timestamp::MAX).await;

    assert_eq!(wait_reason(access), WaitReason::NotConnected);
    assert_eq!(status(&scene).await, ended);
}

#[tokio::test]
async fn lead_of_another_stacks_connection_waits_for_a_reconnect_without_retries() {
    let scene = expired().await;
    let drain = || Drain {
        keeper: keeper_of_other_stack(&scene),
        ..scene.memory.drain()
    };
    let lead = scene.sign_up("ada@example.com").await;
    let mut released = 0;

    for _ in 0..5 {
        let deadline = scene.memory.clock.now() + SignedDuration::from_secs(60);
        drain().drain(scene.messages(), deadline).await;
        scene.memory.clock.advance(SignedDuration::from_mins(1));
        released += scene.memory.release().await.unwrap().waited;
    }

    assert_eq!(released, 0);
    let why = WaitReason::Reconnect;
    let waiting = crate::domain::lead::LeadState::Waiting { why };
    assert_eq!(scene.state(&lead).await, waiting);
}

#[tokio::test]
async fn connection_with_deleted_tokens_needs_reconnect_without_a_call() {
    let scene = Scene::connected().await;
    scene.memory.vault.delete(&scene.customer).await.unwrap();
    scene.memory.clock.advance(SignedDuration::from_hours(25));

    for _ in 0..3 {
        assert_eq!(wait_reason(access(&scene).await), WaitReason::Reconnect);
    }

    let row = status(&scene).await;
    let ConnectionStatus::NeedsReconnect { since, .. } = row else {
        panic!("{row:?}")
    };
    assert_eq!(row, token_lost(since));
    assert_eq!(
        scene.memory.events.published(),
        [connection_event(&scene, row, since)]
    );
    assert_eq!(scene.memory.crm.count(Call::Refresh), 0);
}

#[tokio::test]
async fn disconnect_in_progress_is_not_reported_as_needs_reconnect() {
    let clock = VirtualClock::manual(NOON.parse().unwrap());
    let scene = Scene::connected_at(clock.clone()).await;
    clock.advance(SignedDuration::from_hours(25));
    let (memory, customer, now) = (&scene.memory, &scene.customer, clock.now());
    let (rows, vault, events) = (&memory.directory, &memory.vault, &memory.events);
    let mut ending = Box::pin(disconnect(rows, vault, events, customer, now));
    while vault.tokens(customer).await.unwrap().is_some() {
        assert!(poll!(ending.as_mut()).is_pending());
    }

    let mut access = Box::pin(access(&scene));
    for _ in 0..20 {
        assert!(
            poll!(access.as_mut()).is_pending(),
            "it checks the row once more"
        );
    }
    ending.await.unwrap();
    clock.advance(SignedDuration::from_secs(1));

    assert_eq!(wait_reason(access.await), WaitReason::NotConnected);
    let ended = connection_event(&scene, ConnectionStatus::Disconnected, now);
    assert_eq!(events.published(), [ended]);
}
