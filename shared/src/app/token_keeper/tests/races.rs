//! Workers that come late, or store late, lose no connection.

use std::pin::pin;

use futures_util::future::join;
use futures_util::poll;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

use super::{AccessError, access, expired, status, stored, waits};
use crate::app::log::Log;
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::{ConnectionStatus, ReconnectReason};
use crate::domain::lead::WaitReason;
use crate::domain::token::StoredTokens;
use crate::fakes::{Call, Fault, TokenKind};
use crate::ports::{Clock as _, Connections as _, Event, Vault as _};

/// The step of a refresh that stores the new pair: the last but one, before the row is advanced.
async fn storing(scene: &Scene) -> u64 {
    let dry = expired().await;
    let before = dry.memory.faults.steps();
    assert!(access(&dry).await.is_ok());
    let steps = dry.memory.faults.steps() - before;
    scene.memory.faults.steps() + steps - 1
}

#[tokio::test]
async fn a_vault_that_fails_while_the_new_pair_is_stored_is_tried_again() {
    let scene = expired().await;
    let step = storing(&scene).await;
    scene.memory.faults.at(step, Fault::FailBefore);

    assert_eq!(access(&scene).await.unwrap().generation, 2);
    assert_eq!(stored(&scene).await, 2);
}

#[tokio::test]
async fn a_new_pair_that_is_never_stored_is_said_at_every_try_and_ends_the_connection() {
    let scene = expired().await;
    let step = storing(&scene).await;
    for attempt in 0..4 {
        scene.memory.faults.at(step + attempt, Fault::FailBefore);
    }

    let log = Log::begin();
    let unkept = access(&scene).await;
    let log = log.text();

    assert!(matches!(unkept, Err(AccessError::Busy { .. })));
    let failures = log.lines().filter(|line| line.contains("ERROR"));
    let said = failures.filter(|line| line.contains("a new token was not stored"));
    assert_eq!(said.count(), 4, "as often as rings an alarm: {log}");
    scene.memory.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(waits(access(&scene).await), WaitReason::Reconnect);
    assert_eq!(scene.memory.crm.count(Call::Refresh), 2);
}

#[tokio::test]
async fn a_frozen_worker_that_wakes_with_the_newest_pair_wins() {
    let scene = expired().await;
    let (slow, quick) = (scene.memory.keeper(), scene.memory.keeper());
    let mut frozen = Box::pin(slow.access(&scene.customer, None, Timestamp::MAX));
    while scene.memory.crm.count(Call::Refresh) == 0 {
        assert!(poll!(frozen.as_mut()).is_pending());
    }

    scene.memory.clock.advance(SignedDuration::from_mins(2));
    assert_eq!(
        waits(quick.access(&scene.customer, None, Timestamp::MAX).await),
        WaitReason::Reconnect
    );
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    scene.drain().await;
    assert_eq!(scene.state(&lead).await.as_str(), "waiting");
    assert_eq!(frozen.await.unwrap().generation, 2);

    assert_eq!(status(&scene).await, ConnectionStatus::Active);
    let told = scene.memory.events.published();
    assert!(
        matches!(
            told.last(),
            Some(Event::Connection {
                status: ConnectionStatus::Active,
                ..
            })
        ),
        "{told:?}"
    );
    assert_eq!(scene.memory.release().await.unwrap().waited, 1);
    scene.drain().await;
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
    assert_eq!(
        quick
            .access(&scene.customer, None, Timestamp::MAX)
            .await
            .unwrap()
            .generation,
        2
    );
}

#[tokio::test]
async fn an_invalid_grant_beside_a_newer_stored_pair_is_no_death() {
    let scene = expired().await;
    let (slow, quick) = (scene.memory.keeper(), scene.memory.keeper());
    let mut frozen = Box::pin(slow.access(&scene.customer, None, Timestamp::MAX));
    while stored(&scene).await == 1 {
        assert!(poll!(frozen.as_mut()).is_pending());
    }
    drop(frozen);

    scene.memory.clock.advance(SignedDuration::from_mins(2));
    assert_eq!(
        quick
            .access(&scene.customer, None, Timestamp::MAX)
            .await
            .unwrap()
            .generation,
        2
    );
    assert_eq!(scene.memory.crm.count(Call::Refresh), 1);
}

#[tokio::test]
async fn an_invalid_grant_is_no_death_where_another_stores_its_pair_before_the_last_look() {
    let scene = expired().await;
    let (crm, customer) = (&scene.memory.crm, &scene.customer);
    let (slow, quick) = (scene.memory.keeper(), scene.memory.keeper());
    let mut frozen = Box::pin(slow.access(customer, None, Timestamp::MAX));
    while crm.count(Call::Refresh) == 0 {
        assert!(poll!(frozen.as_mut()).is_pending());
    }
    scene.memory.clock.advance(SignedDuration::from_mins(2));
    let mut refused = Box::pin(quick.access(customer, None, Timestamp::MAX));
    while crm.count(Call::Refresh) == 1 {
        assert!(poll!(refused.as_mut()).is_pending());
    }
    while stored(&scene).await == 1 {
        assert!(poll!(frozen.as_mut()).is_pending());
    }

    assert_eq!(refused.await.unwrap().generation, 2);
    assert_eq!(status(&scene).await, ConnectionStatus::Active);
    assert_eq!(frozen.await.unwrap().generation, 2);
    assert!(scene.memory.events.published().is_empty());
}

#[tokio::test]
async fn two_refreshes_that_were_both_granted_end_with_one_pair() {
    let scene = expired().await;
    let (crm, customer) = (&scene.memory.crm, &scene.customer);
    crm.set_token_kind(TokenKind::LongLived);
    let (slow, quick) = (scene.memory.keeper(), scene.memory.keeper());
    let mut frozen = Box::pin(slow.access(customer, None, Timestamp::MAX));
    while crm.count(Call::Refresh) == 0 {
        assert!(poll!(frozen.as_mut()).is_pending());
    }
    scene.memory.clock.advance(SignedDuration::from_mins(2));

    let first = quick.access(customer, None, Timestamp::MAX).await.unwrap();
    let late = frozen.await.unwrap();

    assert_eq!(crm.count(Call::Refresh), 2);
    let pair = scene.memory.vault.tokens(customer).await.unwrap().unwrap();
    for access in [first, late] {
        assert_eq!(access.generation, pair.generation);
        let (token, stored) = (access.token, &pair.tokens.access);
        assert_eq!(token.expose_secret(), stored.expose_secret());
    }
    assert_eq!(status(&scene).await, ConnectionStatus::Active);
}

/// A row whose generation is one ahead of the vault.
async fn behind() -> Scene {
    let scene = Scene::connected().await;
    let directory = &scene.memory.directory;
    let mut row = directory.look(&scene.customer).unwrap();
    row.generation = 2;
    assert!(directory.put_connection(&row).await.unwrap());
    scene
}

#[tokio::test]
async fn a_pair_that_is_older_than_its_row_is_not_refreshed_with_and_ends_no_connection() {
    let scene = behind().await;
    let (memory, keeper) = (&scene.memory, scene.memory.keeper());

    let refused = keeper
        .access(&scene.customer, Some(2), Timestamp::MAX)
        .await;

    assert!(matches!(refused, Err(AccessError::Store(_))));
    assert_eq!(memory.crm.count(Call::Refresh), 0);
    assert_eq!(status(&scene).await, ConnectionStatus::Active);
    let newest = StoredTokens {
        generation: 2,
        tokens: memory.crm.connect(ACCOUNT, "client"),
    };
    memory.vault.keep(&scene.customer, &newest).await.unwrap();
    memory.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(access(&scene).await.unwrap().generation, 3);
}

#[tokio::test]
async fn a_newest_pair_that_is_not_there_once_its_token_has_ended_is_lost() {
    let scene = behind().await;
    scene.memory.clock.advance(SignedDuration::from_hours(25));

    assert_eq!(waits(access(&scene).await), WaitReason::Reconnect);

    assert_eq!(scene.memory.crm.count(Call::Refresh), 0);
    let since = scene.memory.clock.now();
    let reason = ReconnectReason::TokenLost;
    let lost = ConnectionStatus::NeedsReconnect { reason, since };
    assert_eq!(status(&scene).await, lost);
}

#[tokio::test]
async fn a_slow_store_leaves_a_refresh_that_might_be_cut_off_to_a_later_one() {
    let scene = expired().await;
    let (memory, keeper) = (&scene.memory, scene.memory.keeper());
    let end = memory.clock.now() + SignedDuration::from_secs(30);
    let mut access = pin!(keeper.access(&scene.customer, None, end));
    let is_leased = || {
        memory
            .directory
            .look(&scene.customer)
            .unwrap()
            .lease
            .is_some()
    };
    while !is_leased() {
        assert!(poll!(access.as_mut()).is_pending());
    }
    // The pair and the application's secret take eight seconds each.
    let slowly = async {
        for _ in 0..2 {
            memory.clock.advance(SignedDuration::from_secs(8));
            tokio::task::yield_now().await;
        }
    };

    let (busy, ()) = join(access, slowly).await;

    assert!(matches!(busy, Err(AccessError::Busy { .. })), "{busy:?}");
    assert_eq!(memory.crm.count(Call::Refresh), 0);
    memory.clock.advance(SignedDuration::from_secs(31));
    let later = keeper.access(&scene.customer, None, Timestamp::MAX).await;
    assert_eq!(later.unwrap().generation, 2);
}
