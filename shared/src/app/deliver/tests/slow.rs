//! Drains that run out of time.

use std::pin::pin;

use futures_util::future::join;
use futures_util::poll;
use jiff::{SignedDuration, Timestamp};

use crate::app::requeue::LISTED_WITHIN;
use crate::app::scene::{ACCOUNT, NOON, Scene};
use crate::domain::crm::CrmError;
use crate::domain::lead::{LeadState, WaitReason};
use crate::fakes::{Call, VirtualClock};
use crate::ports::{Clock as _, Lanes as _};

const UPSTREAM: LeadState = LeadState::waiting(WaitReason::Upstream);

async fn release_and_drain(scene: &Scene) {
    scene.memory.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(scene.memory.release().await.unwrap().waited, 1);
    scene.drain().await;
}

#[test]
fn token_refused_late_in_a_drain_is_refreshed_by_the_next_drain() {
    let clock = VirtualClock::manual(NOON.parse().unwrap());
    clock.drive(async {
        let scene = Scene::connected_at(clock.clone()).await;
        let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
        scene.occupy_budget_for(SignedDuration::from_secs(40));
        let crm = &scene.memory.crm;
        crm.expire_access(ACCOUNT);

        scene.drain().await;

        assert_eq!(scene.state(&lead).await, UPSTREAM);
        let counts = || [Call::SignUp, Call::Refresh].map(|call| crm.count(call));
        assert_eq!(counts(), [1, 0]);
        release_and_drain(&scene).await;
        assert_eq!(scene.state(&lead).await.as_str(), "delivered");
        assert_eq!(counts(), [3, 1]);
    });
}

#[tokio::test]
async fn expired_token_is_not_refreshed_if_the_drain_has_too_little_time() {
    let scene = Scene::connected().await;
    let clock = &scene.memory.clock;
    clock.advance(SignedDuration::from_hours(25));
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    let deadline = clock.now() + SignedDuration::from_secs(29);

    let drain = scene.memory.drain();
    let to_redeliver = drain.drain(scene.messages(), deadline).await;

    assert!(to_redeliver.is_empty());
    assert_eq!(scene.state(&lead).await, UPSTREAM);
    assert_eq!(scene.memory.crm.count(Call::Refresh), 0);
    release_and_drain(&scene).await;
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn leads_a_slow_ledger_leaves_unclaimed_are_redelivered_and_the_rest_sent() {
    let scene = Scene::connected().await;
    for n in 0..10 {
        let email = format!("{n}@example.com");
        scene.submit(&[("email", &email)]).await;
    }
    let (messages, clock) = (scene.messages(), &scene.memory.clock);
    // Each answer takes eight seconds while leads are claimed.
    let slow_answers = async {
        for _ in 0..4 {
            clock.advance(SignedDuration::from_secs(8));
            tokio::task::yield_now().await;
        }
    };

    let (to_redeliver, ()) = join(scene.drain_messages(messages.clone()), slow_answers).await;

    let sign_ups = || scene.memory.crm.count(Call::SignUp);
    assert_eq!((to_redeliver.len(), sign_ups()), (7, 3));
    scene.drain_messages(messages).await;
    let all = scene.memory.ledger.all();
    assert!(all.iter().all(|lead| lead.state.as_str() == "delivered"));
    assert_eq!(sign_ups(), 10);
}

/// How many lanes are marked up to a moment.
async fn marks(scene: &Scene, by: Timestamp) -> usize {
    let lanes = scene.memory.ledger.due_lanes(by, None, 10).await;
    lanes.unwrap().len()
}

/// Runs one drain, and `action` between its marking of the lane and its write.
async fn drain_interrupted_by(scene: &Scene, action: impl Future<Output = ()>) {
    let mut drain = pin!(scene.drain());
    while marks(scene, Timestamp::MAX).await == 0 {
        assert!(poll!(drain.as_mut()).is_pending());
    }
    action.await;
    assert!(drain.await.is_empty());
}

#[tokio::test]
async fn lane_is_marked_again_if_its_mark_was_used_up_before_the_wait_was_written() {
    let scene = Scene::connected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    scene.memory.crm.fail_next(CrmError::Unavailable);
    let (clock, memory) = (&scene.memory.clock, &scene.memory);
    let release_finds_nothing = async {
        clock.advance(SignedDuration::from_secs(40));
        assert_eq!(memory.release().await.unwrap().waited, 0);
        assert_eq!(marks(&scene, clock.now() + LISTED_WITHIN).await, 0);
    };

    drain_interrupted_by(&scene, release_finds_nothing).await;

    assert_eq!(scene.state(&lead).await, UPSTREAM);
    clock.advance(LISTED_WITHIN);
    assert_eq!(memory.release().await.unwrap().waited, 1);
}

#[tokio::test]
async fn lane_is_marked_again_if_the_customer_connects_before_the_wait_is_written() {
    let scene = Scene::unconnected().await;
    scene.submit(&[("email", "ada@example.com")]).await;

    drain_interrupted_by(&scene, scene.connect()).await;

    let now = scene.memory.clock.now();
    assert_eq!(marks(&scene, now).await, 0);
    assert_eq!(marks(&scene, now + LISTED_WITHIN).await, 1);
}
