mod lost;
mod races;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::{Access, AccessError, TokenKeeper};
use crate::app::scene::{ACCOUNT, NOON, Scene};
use crate::domain::connection::{Connection, ConnectionStatus, ReconnectReason};
use crate::domain::ids::CustomerId;
use crate::domain::lead::WaitReason;
use crate::fakes::{Call, Fault, Memory, TokenKind, VirtualClock};
use crate::ports::{Clock as _, Connections as _, Event, TokenError, Vault as _};

async fn expired() -> Scene {
    let scene = Scene::connected().await;
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    scene
}

async fn status(scene: &Scene) -> ConnectionStatus {
    scene
        .memory
        .directory
        .connection(&scene.customer)
        .await
        .unwrap()
        .unwrap()
        .status
}

/// Requests a token with an empty cache.
async fn access(scene: &Scene) -> Result<Access, AccessError> {
    let keeper = scene.memory.keeper();
    keeper.access(&scene.customer, None, Timestamp::MAX).await
}

/// The generation of the pair in the vault.
async fn stored(scene: &Scene) -> u64 {
    let pair = scene.memory.vault.tokens(&scene.customer).await.unwrap();
    pair.unwrap().generation
}

fn wait_reason(result: Result<Access, AccessError>) -> WaitReason {
    match result {
        Err(AccessError::Waits(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_hundred_workers_on_an_expired_token_make_one_refresh() {
    let scene = Scene::connected_at(VirtualClock::manual(NOON.parse().unwrap())).await;
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    let keepers: Vec<TokenKeeper<Memory>> = (0..100).map(|_| scene.memory.keeper()).collect();
    let work = join_all(
        keepers
            .iter()
            .map(|keeper| keeper.access(&scene.customer, None, Timestamp::MAX)),
    );

    let results = scene.memory.clock.drive(work);

    assert!(
        results
            .iter()
            .all(|result| result.as_ref().is_ok_and(|access| access.generation == 2))
    );
    assert_eq!(scene.memory.crm.count(Call::Refresh), 1);
}

#[tokio::test]
async fn refresh_answer_lost_after_rotation_needs_reconnect_after_the_cooldown() {
    let scene = expired().await;
    scene
        .memory
        .crm
        .fail_next_token_call(TokenError::AnswerLost);

    let first = access(&scene).await;
    scene.memory.clock.advance(SignedDuration::from_secs(31));

    assert!(matches!(first, Err(AccessError::Busy { .. })));
    assert_eq!(wait_reason(access(&scene).await), WaitReason::Reconnect);
}

#[tokio::test]
async fn warm_worker_with_a_valid_token_reads_only_the_row_and_makes_no_call() {
    let scene = Scene::connected().await;
    let keeper = scene.memory.keeper();
    keeper
        .access(&scene.customer, None, Timestamp::MAX)
        .await
        .unwrap();
    let steps = scene.memory.faults.steps();

    keeper
        .access(&scene.customer, None, Timestamp::MAX)
        .await
        .unwrap();

    assert_eq!(scene.memory.faults.steps() - steps, 1);
    assert_eq!(scene.memory.crm.count(Call::Refresh), 0);
}

#[tokio::test]
async fn crash_at_any_step_of_a_refresh_recovers_or_needs_reconnect() {
    let steps = {
        let scene = expired().await;
        let before = scene.memory.faults.steps();
        access(&scene).await.unwrap();
        scene.memory.faults.steps() - before
    };
    let mut lost = Vec::new();
    for step in 1..=steps {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let scene = expired().await;
            scene
                .memory
                .faults
                .at(scene.memory.faults.steps() + step, fault);
            let keeper = scene.memory.keeper();
            let killed = scene
                .memory
                .faults
                .until_crash(keeper.access(&scene.customer, None, Timestamp::MAX))
                .await;
            assert!(killed.is_none(), "step {step} was not reached");

            scene.memory.clock.advance(SignedDuration::from_mins(2));
            let events = match access(&scene).await {
                Ok(access) => {
                    assert_eq!(access.generation, 2, "{step} {fault:?}");
                    0
                }
                Err(AccessError::Waits(WaitReason::Reconnect)) => {
                    lost.push((step, fault));
                    1
                }
                Err(other) => panic!("{step} {fault:?}: {other}"),
            };
            let calls = scene.memory.crm.count(Call::Refresh);
            assert!(calls <= 2, "{step} {fault:?}: one try with the old token");
            assert_eq!(access(&scene).await.is_err(), events == 1);
            assert_eq!(
                scene.memory.crm.count(Call::Refresh),
                calls,
                "{step} {fault:?}"
            );
            assert_eq!(
                scene.memory.events.published().len(),
                events,
                "{step} {fault:?}"
            );
        }
    }
    // Only if Constant Contact has rotated the tokens and the new pair is not in the vault yet.
    assert_eq!(lost.len(), 2, "{lost:?} of {steps} steps");
    assert_eq!(lost[0].1, Fault::CrashAfter);
    assert_eq!(lost[1], (lost[0].0 + 1, Fault::CrashBefore));
}

#[tokio::test]
async fn confirmed_invalid_grant_needs_reconnect_and_stops_further_refreshes() {
    let scene = expired().await;
    scene.memory.crm.revoke(ACCOUNT);

    for _ in 0..3 {
        assert_eq!(wait_reason(access(&scene).await), WaitReason::Reconnect);
    }

    let now = scene.memory.clock.now();
    let needs_reconnect = ConnectionStatus::NeedsReconnect {
        reason: ReconnectReason::InvalidGrant,
        since: now,
    };
    assert_eq!(status(&scene).await, needs_reconnect.clone());
    assert_eq!(scene.memory.crm.count(Call::Refresh), 1);
    let event = Event::Connection {
        customer_id: scene.customer.clone(),
        status: needs_reconnect,
        at: now,
    };
    assert_eq!(scene.memory.events.published(), [event]);
}

#[tokio::test]
async fn temporary_token_errors_cause_a_cooldown_and_not_a_reconnect() {
    for error in [
        TokenError::THROTTLED,
        TokenError::Unavailable,
        TokenError::AnswerLost,
    ] {
        let scene = expired().await;
        // A lost answer may have used up a token of the other kind.
        scene.memory.crm.set_token_kind(TokenKind::LongLived);
        scene.memory.crm.fail_next_token_call(error);

        let clock = &scene.memory.clock;
        let cooldown_end = clock.now() + SignedDuration::from_secs(30);
        let first = access(&scene).await;
        clock.advance(SignedDuration::from_secs(29));
        let second = access(&scene).await;

        for busy in [first, second] {
            let is_busy_until =
                |busy| matches!(busy, Err(AccessError::Busy { until }) if until == cooldown_end);
            assert!(is_busy_until(busy), "{error}");
        }
        assert_eq!(scene.memory.crm.count(Call::Refresh), 1, "{error}");
        clock.advance(SignedDuration::from_secs(2));
        assert!(access(&scene).await.is_ok(), "{error}");
    }
}

#[tokio::test]
async fn retry_after_of_the_token_endpoint_is_respected() {
    let scene = expired().await;
    let (crm, clock) = (&scene.memory.crm, &scene.memory.clock);
    let retry_after = SignedDuration::from_mins(10);
    crm.fail_next_token_call(TokenError::Throttled { retry_after });
    let retry_at = clock.now() + retry_after;

    for after in [0, 9] {
        clock.advance(SignedDuration::from_mins(after));
        let busy = access(&scene).await;
        let is_busy_until =
            |busy| matches!(busy, Err(AccessError::Busy { until }) if until == retry_at);
        assert!(is_busy_until(busy), "{after}");
    }
    clock.advance(SignedDuration::from_mins(2));

    assert!(access(&scene).await.is_ok());
    assert_eq!(crm.count(Call::Refresh), 2);
}

#[tokio::test]
async fn day_of_temporary_errors_or_a_wrong_secret_does_not_end_the_connection() {
    for error in [
        TokenError::THROTTLED,
        TokenError::Unavailable,
        TokenError::AnswerLost,
        TokenError::InvalidClient,
    ] {
        let scene = expired().await;
        scene.memory.crm.set_token_kind(TokenKind::LongLived);
        let clock = &scene.memory.clock;
        let end = clock.now() + SignedDuration::from_hours(24);
        while clock.now() < end {
            (0..2).for_each(|_| scene.memory.crm.fail_next_token_call(error));
            let busy = access(&scene).await;
            assert!(matches!(busy, Err(AccessError::Busy { .. })), "{error}");
            clock.advance(SignedDuration::from_mins(30));
        }

        assert_eq!(status(&scene).await, ConnectionStatus::Active, "{error}");
        assert!(scene.memory.events.published().is_empty(), "{error}");
        scene.memory.crm.clear_scripted_errors();
        assert!(access(&scene).await.is_ok(), "{error}");
    }
}

#[tokio::test]
async fn throttled_token_endpoint_delays_refreshes_of_other_connections_too() {
    let scene = Scene::connected().await;
    let (memory, other): (_, CustomerId) = (&scene.memory, "other".parse().unwrap());
    let connection = Connection {
        customer: other.clone(),
        ..memory.directory.peek(&scene.customer).unwrap()
    };
    memory.put_connected(connection, "client").await;
    memory.clock.advance(SignedDuration::from_hours(25));
    memory.crm.fail_next_token_call(TokenError::THROTTLED);
    let keeper = memory.keeper();

    let first = keeper.access(&scene.customer, None, Timestamp::MAX).await;
    let second = keeper.access(&other, None, Timestamp::MAX).await;

    assert!(matches!(first, Err(AccessError::Busy { .. })));
    assert_eq!(second.unwrap().generation, 2);
    let calls = memory.crm.calls();
    let refreshes = calls.iter().filter(|(_, call)| *call == Call::Refresh);
    let at: Vec<_> = refreshes.map(|(at, _)| *at).collect();
    assert_eq!(at.len(), 2);
    assert!(at[1].duration_since(at[0]) >= SignedDuration::from_secs(5));
}

#[tokio::test]
async fn without_time_for_a_refresh_a_valid_token_is_used_and_none_is_refreshed() {
    let scene = Scene::connected().await;
    let (clock, keeper) = (&scene.memory.clock, scene.memory.keeper());
    let access = async |rejected, left| {
        let end = clock.now() + SignedDuration::from_secs(left);
        let access = keeper.access(&scene.customer, rejected, end).await;
        access.map(|access| access.generation)
    };
    clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_mins(5));

    assert_eq!(access(None, 29).await.unwrap(), 1);
    let refused = access(Some(1), 29).await;
    assert!(matches!(refused, Err(AccessError::Busy { .. })));
    clock.advance(SignedDuration::from_mins(5));
    let expired = access(None, 29).await;
    assert!(matches!(expired, Err(AccessError::Busy { .. })));

    assert_eq!(scene.memory.crm.count(Call::Refresh), 0);
    assert_eq!(access(None, 30).await.unwrap(), 2);
}

#[tokio::test]
async fn token_close_to_expiry_is_used_while_its_refresh_fails() {
    let scene = Scene::connected().await;
    scene
        .memory
        .clock
        .advance(SignedDuration::from_hours(24) - SignedDuration::from_mins(5));
    scene
        .memory
        .crm
        .fail_next_token_call(TokenError::Unavailable);

    assert_eq!(access(&scene).await.unwrap().generation, 1);
}

#[tokio::test]
async fn clock_skew_of_five_minutes_causes_one_refresh_and_no_rejected_call() {
    for minutes in [-5, 5] {
        let scene = Scene::connected().await;
        let directory = &scene.memory.directory;
        let row = directory.connection(&scene.customer).await;
        let mut row = row.unwrap().unwrap();
        let ends = row.token_expires_at;
        row.token_expires_at = ends + SignedDuration::from_mins(minutes);
        assert!(directory.put_connection(&row).await.unwrap());
        let clock = &scene.memory.clock;
        let until_the_end = ends.duration_since(clock.now());
        clock.advance(until_the_end - SignedDuration::from_mins(20));

        for n in 0..40 {
            let email = format!("lead-{n}@example.com");
            let lead = scene.submit(&[("email", &email)]).await.lead;
            scene.drain().await;
            assert_eq!(scene.state(&lead).await.as_str(), "delivered", "{minutes}");
            clock.advance(SignedDuration::from_mins(1));
        }

        assert_eq!(scene.memory.crm.count(Call::Refresh), 1, "{minutes}");
        assert_eq!(scene.memory.crm.count(Call::SignUp), 40, "{minutes}");
    }
}

#[tokio::test]
async fn rotated_client_secret_is_reread_once() {
    let scene = expired().await;
    scene
        .memory
        .crm
        .fail_next_token_call(TokenError::InvalidClient);

    assert!(access(&scene).await.is_ok());
    assert_eq!(status(&scene).await, ConnectionStatus::Active);
    assert_eq!(scene.memory.crm.count(Call::Refresh), 2);
}

#[tokio::test]
async fn long_lived_refresh_token_missing_from_the_answer_is_kept() {
    let scene = expired().await;
    scene.memory.crm.set_token_kind(TokenKind::LongLived);

    for _ in 0..3 {
        assert!(access(&scene).await.is_ok());
        scene.memory.clock.advance(SignedDuration::from_hours(25));
    }

    assert_eq!(scene.memory.crm.count(Call::Refresh), 3);
}
