//! A connection whose tokens are not here has to be made again, but somebody who just ends one is not told so.

use futures_util::poll;
use jiff::{SignedDuration, Timestamp};

use super::{access, expired, status, waits};
use crate::app::connect::disconnect;
use crate::app::deliver::Drain;
use crate::app::scene::{NOON, Scene};
use crate::app::token_keeper::TokenKeeper;
use crate::domain::connection::{ConnectionStatus, ReconnectReason};
use crate::domain::lead::WaitReason;
use crate::fakes::{Call, Memory, VirtualClock};
use crate::ports::{Clock as _, Connections as _, Event, Vault as _};

/// The token keeper of a stack that was given the tables of the scene's.
fn elsewhere(scene: &Scene) -> TokenKeeper<Memory> {
    TokenKeeper {
        stack: "staging".into(),
        ..scene.memory.keeper()
    }
}

fn lost(since: Timestamp) -> ConnectionStatus {
    let reason = ReconnectReason::TokenLost;
    ConnectionStatus::NeedsReconnect { reason, since }
}

fn told(scene: &Scene, status: ConnectionStatus, at: Timestamp) -> Event {
    Event::Connection {
        customer_id: scene.customer.clone(),
        status,
        at,
    }
}

#[tokio::test]
async fn another_stack_refuses_to_refresh_and_says_that_the_connection_is_to_be_made_again() {
    let scene = expired().await;
    let (keeper, now) = (elsewhere(&scene), scene.memory.clock.now());

    for _ in 0..2 {
        let access = keeper.access(&scene.customer, None, Timestamp::MAX).await;
        assert_eq!(waits(access), WaitReason::Reconnect);
    }

    assert_eq!(scene.memory.crm.count(Call::Refresh), 0);
    assert_eq!(status(&scene).await, lost(now));
    assert_eq!(
        scene.memory.events.published(),
        [told(&scene, lost(now), now)]
    );
    let lost = scene.memory.directory.lost(10).await.unwrap();
    assert_eq!(lost.len(), 1);
}

#[tokio::test]
async fn another_stack_waits_for_no_token_however_long_that_would_be_good() {
    let scene = Scene::connected().await;
    scene.memory.vault.forget(&scene.customer).await.unwrap();
    let (keeper, now) = (elsewhere(&scene), scene.memory.clock.now());

    let access = keeper.access(&scene.customer, None, Timestamp::MAX).await;

    assert_eq!(waits(access), WaitReason::Reconnect);
    assert_eq!(scene.memory.clock.now(), now);
}

#[tokio::test]
async fn a_connection_that_was_ended_is_not_said_to_be_lost_by_another_stack() {
    let scene = Scene::connected().await;
    let (directory, ended) = (&scene.memory.directory, ConnectionStatus::Disconnected);
    let set = directory.set_status(&scene.customer, 1, &ended).await;
    assert!(set.unwrap());

    let keeper = elsewhere(&scene);
    let access = keeper.access(&scene.customer, None, Timestamp::MAX).await;

    assert_eq!(waits(access), WaitReason::NotConnected);
    assert_eq!(status(&scene).await, ended);
}

#[tokio::test]
async fn a_lead_of_another_stacks_connection_is_tried_once_and_waits_for_the_customer() {
    let scene = expired().await;
    let drain = || Drain {
        keeper: elsewhere(&scene),
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
    let waits = crate::domain::lead::LeadState::Waiting { why };
    assert_eq!(scene.state(&lead).await, waits);
}

#[tokio::test]
async fn a_connection_whose_tokens_were_deleted_is_to_be_made_again_and_costs_no_call() {
    let scene = Scene::connected().await;
    scene.memory.vault.forget(&scene.customer).await.unwrap();
    scene.memory.clock.advance(SignedDuration::from_hours(25));

    for _ in 0..3 {
        assert_eq!(waits(access(&scene).await), WaitReason::Reconnect);
    }

    let row = status(&scene).await;
    let ConnectionStatus::NeedsReconnect { since, .. } = row else {
        panic!("{row:?}")
    };
    assert_eq!(row, lost(since));
    assert_eq!(scene.memory.events.published(), [told(&scene, row, since)]);
    assert_eq!(scene.memory.crm.count(Call::Refresh), 0);
}

#[tokio::test]
async fn whoever_is_just_ending_a_connection_is_not_told_to_make_it_again() {
    let clock = VirtualClock::standing(NOON.parse().unwrap());
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
        assert!(poll!(access.as_mut()).is_pending(), "it looks once more");
    }
    ending.await.unwrap();
    clock.advance(SignedDuration::from_secs(1));

    assert_eq!(waits(access.await), WaitReason::NotConnected);
    let ended = told(&scene, ConnectionStatus::Disconnected, now);
    assert_eq!(events.published(), [ended]);
}
