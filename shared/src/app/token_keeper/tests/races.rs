//! Workers that are delayed, or store late, lose no connection.

use std::pin::pin;

use futures_util::future::join;
use futures_util::poll;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

use super::{AccessError, access, expired, status, stored, wait_reason};
use crate::app::log::Log;
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::{ConnectionStatus, ReconnectReason};
use crate::domain::lead::WaitReason;
use crate::domain::token::StoredTokens;
use crate::fakes::{Call, Fault, TokenKind};
use crate::ports::{Clock as _, Connections as _, Event, Vault as _};

/// The step of a refresh that stores the new pair: the last but one, before the row is advanced.
async fn storing_step(scene: &Scene) -> u64 {
    let dry_run = expired().await;
    let before = dry_run.memory.faults.steps();
    assert!(access(&dry_run).await.is_ok());
    let steps = dry_run.memory.faults.steps() - before;
    scene.memory.faults.steps() + steps - 1
}

#[tokio::test]
async fn storing_the_new_pair_is_retried_if_the_vault_fails() {
    let scene = expired().await;
    let step = storing_step(&scene).await;
    scene.memory.faults.at(step, Fault::FailBefore);

    assert_eq!(access(&scene).await.unwrap().generation, 2);
    assert_eq!(stored(&scene).await, 2);
}

#[tokio::test]
async fn new_pair_that_is_never_stored_logs_every_try_and_needs_reconnect() {
    let scene = expired().await;
    let step = storing_step(&scene).await;
    for attempt in 0..4 {
        scene.memory.faults.at(step + attempt, Fault::FailBefore);
    }

    let log = Log::begin();
    let result = access(&scene).await;
    let log = log.text();

    assert!(matches!(result, Err(AccessError::Busy { .. })));
    let failures = log.lines().filter(|line| line.contains("ERROR"));
    let failures = failures.filter(|line| line.contains("a new token was not stored"));
    assert_eq!(failures.count(), 4, "as many as raise an alarm: {log}");
    scene.memory.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(wait_reason(access(&scene).await), WaitReason::Reconnect);
    assert_eq!(scene.memory.crm.count(Call::Refresh), 2);
}

#[tokio::test]
async fn delayed_worker_that_stores_the_newest_pair_revives_the_connection() {
    let scene = expired().await;
    let (slow, quick) = (scene.memory.keeper(), scene.memory.keeper());
    let mut frozen = Box::pin(slow.access(&scene.customer, None, Timestamp::MAX));
    while scene.memory.crm.count(Call::Refresh) == 0 {
        assert!(poll!(frozen.as_mut()).is_pending());
    }

    scene.memory.clock.advance(SignedDuration::from_mins(2));
    assert_eq!(
        wait_reason(quick.access(&scene.customer, None, Timestamp::MAX).await),
        WaitReason::Reconnect
    );
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    scene.drain().await;
    assert_eq!(scene.state(&lead).await.as_str(), "waiting");
    assert_eq!(frozen.await.unwrap().generation, 2);

    assert_eq!(status(&scene).await, ConnectionStatus::Active);
    let events = scene.memory.events.published();
    assert!(
        matches!(
            events.last(),
            Some(Event::Connection {
                status: ConnectionStatus::Active,
                ..
            })
        ),
        "{events:?}"
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
async fn newer_stored_pair_is_adopted_without_another_refresh() {
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
async fn invalid_grant_is_ignored_if_another_worker_stores_its_pair_before_the_recheck() {
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
async fn two_granted_refreshes_end_with_the_same_pair() {
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
async fn vault_behind_row() -> Scene {
    let scene = Scene::connected().await;
    let directory = &scene.memory.directory;
    let mut row = directory.peek(&scene.customer).unwrap();
    row.generation = 2;
    assert!(directory.put_connection(&row).await.unwrap());
    scene
}

#[tokio::test]
async fn pair_older_than_its_row_is_not_refreshed_and_keeps_the_connection() {
    let scene = vault_behind_row().await;
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
    memory.vault.store(&scene.customer, &newest).await.unwrap();
    memory.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(access(&scene).await.unwrap().generation, 3);
}

#[tokio::test]
async fn newest_pair_still_missing_after_its_token_expired_counts_as_lost() {
    let scene = vault_behind_row().await;
    scene.memory.clock.advance(SignedDuration::from_hours(25));

    assert_eq!(wait_reason(access(&scene).await), WaitReason::Reconnect);

    assert_eq!(scene.memory.crm.count(Call::Refresh), 0);
    let since = scene.memory.clock.now();
    let reason = ReconnectReason::TokenLost;
    let lost = ConnectionStatus::NeedsReconnect { reason, since };
    assert_eq!(status(&scene).await, lost);
}

#[tokio::test]
async fn refresh_delayed_by_a_slow_store_is_left_to_a_later_call() {
    let scene = expired().await;
    let (memory, keeper) = (&scene.memory, scene.memory.keeper());
    let end = memory.clock.now() + SignedDuration::from_secs(30);
    let mut access = pin!(keeper.access(&scene.customer, None, end));
    let is_leased = || {
        memory
            .directory
            .peek(&scene.customer)
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
