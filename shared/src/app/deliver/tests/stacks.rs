//! Two stacks that share an application: each counts its own calls, within its share of the limits.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::days::{accept, delivered, template};
use super::waits;
use crate::app::scene::{NOON, Scene};
use crate::domain::budget::Limits;
use crate::domain::ids::AppId;
use crate::domain::lead::WaitReason;
use crate::fakes::{Call, RemoteLimits, VirtualClock};
use crate::ports::Queue as _;

/// Half of what Constant Contact gives an application.
const SHARE: Limits = Limits {
    per_second: 2,
    per_day: 5_000,
};

/// Runs a stack with more leads than its share of a day, from noon to an hour before midnight. Returns when it called.
fn run_stack() -> (Scene, Vec<Timestamp>) {
    let clock = VirtualClock::manual(NOON.parse().unwrap());
    let scene = clock.drive(drain_until_eleven(clock.clone()));
    let calls = scene.memory.crm.calls();
    (scene, calls.into_iter().map(|(at, _)| at).collect())
}

async fn drain_until_eleven(clock: VirtualClock) -> Scene {
    let scene = Scene::connected_at(clock).await;
    scene.memory.apps.set_limits(&AppId::default_app(), SHARE);
    let template = template(&scene).await;
    let tasks = accept(&scene, &template, &scene.customer, 5_500).await;
    scene.memory.queue.send(&tasks).await.unwrap();
    for hour in 13..24 {
        scene.memory.drain_all().await;
        let next = format!("2026-11-23T{hour}:00:00Z").parse().unwrap();
        scene.memory.clock.advance_to(next);
        scene.memory.release().await.unwrap();
    }
    scene.memory.drain_all().await;
    scene
}

#[test]
fn two_stacks_with_half_the_limits_each_stay_within_the_full_limits() {
    let (one, mut calls) = run_stack();
    let (other, others) = run_stack();
    calls.extend(others);
    calls.sort();

    assert!((8_500..=10_000).contains(&calls.len()), "{}", calls.len());
    let second = SignedDuration::from_secs(1);
    for five in calls.windows(5) {
        assert!(five[4].duration_since(five[0]) >= second, "{five:?}");
    }
    for scene in [one, other] {
        let mut states = BTreeMap::<_, usize>::new();
        for record in scene.memory.ledger.all() {
            *states.entry(record.state.as_str()).or_default() += 1;
        }
        let all = 5_500 + 1; // the template went out with them
        assert_eq!(states["delivered"] + states["waiting"], all, "{states:?}");
    }
}

#[tokio::test]
async fn stack_waits_until_midnight_when_another_has_used_up_the_daily_quota() {
    let scene = Scene::connected().await;
    let memory = &scene.memory;
    memory.apps.set_limits(&AppId::default_app(), SHARE);
    let mut leads = Vec::new();
    for n in 0..30 {
        leads.push(scene.sign_up(&format!("lead-{n}@example.com")).await);
    }
    memory.crm.set_limits(RemoteLimits {
        per_day: Some(0), // the other stack has used it up
        ..RemoteLimits::default()
    });

    scene.memory.drain_all().await;

    let refused_calls = memory.crm.count(Call::SignUp);
    assert!(
        (1..=4).contains(&refused_calls),
        "{refused_calls} calls were under way"
    );
    for lead in &leads {
        assert_eq!(scene.state(lead).await, waits(WaitReason::Quota));
    }
    let clock = &memory.clock;
    clock.advance_to("2026-11-23T23:59:00Z".parse().unwrap());
    assert_eq!(memory.release().await.unwrap().waited, 0);
    clock.advance_to("2026-11-24T00:01:30Z".parse().unwrap());
    memory.crm.set_limits(RemoteLimits::default());
    assert_eq!(memory.release().await.unwrap().waited, 30);
    scene.memory.drain_all().await;
    assert_eq!(delivered(&scene)["engines"], 30);
    assert_eq!(memory.crm.count(Call::SignUp), refused_calls + 30);
}
