//! Redriven dead letters, and a message that was lost.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::days::{accept, delivered, template};
use crate::app::requeue::CHECK_AFTER;
use crate::app::scene::{ACCOUNT, NOON, Scene};
use crate::domain::budget::next_midnight;
use crate::domain::lead::{LeadState, RefusalReason, WaitReason};
use crate::domain::task::Task;
use crate::fakes::{Call, RemoteLimits, VirtualClock};
use crate::ports::{Clock as _, Queue as _};

#[test]
fn ten_thousand_redriven_dead_letters_are_delivered_once_and_checked_for_opt_outs() {
    let clock = VirtualClock::manual(NOON.parse().unwrap());
    clock.drive(redrive_ten_thousand_dead_letters(clock.clone()));
}

async fn redrive_ten_thousand_dead_letters(clock: VirtualClock) {
    let scene = Scene::connected_at(clock).await;
    scene.memory.crm.set_limits(RemoteLimits {
        per_second: Some(4),
        per_day: Some(10_000),
        ..RemoteLimits::default()
    });
    let template = template(&scene).await;
    let tasks = accept(&scene, &template, &scene.customer, 10_000).await;
    for task in &tasks[..500] {
        scene
            .memory
            .queue
            .send(std::slice::from_ref(task))
            .await
            .unwrap();
    }
    scene.memory.drain_all().await;
    let email = "engines5000@example.com".parse().unwrap();
    scene.memory.clock.advance(SignedDuration::from_hours(72));
    scene.memory.crm.opt_out(ACCOUNT, &email);

    scene.memory.queue.send(&tasks).await.unwrap();
    scene.memory.drain_all().await;

    let crm = &scene.memory.crm;
    assert_eq!(crm.count(Call::SignUp), delivered(&scene)["engines"]);
    assert!(
        crm.contacts(ACCOUNT)
            .iter()
            .all(|contact| contact.sign_ups <= 1)
    );
    let Task::Accepted { lead } = &tasks[5_000] else {
        panic!("no lead")
    };
    let opted_out = LeadState::refused(RefusalReason::OptedOutAfterConsent);
    assert_eq!(scene.state(&lead.id).await, opted_out);
    let mut count = count(&scene);
    assert_eq!(count.remove("queued"), Some(1), "the template");
    assert_eq!(count.remove("refused"), Some(1));
    assert!(
        count["delivered"] < 9_999 && count["quota"] > 0,
        "{count:?}"
    );
    assert_eq!(count.values().sum::<usize>(), 9_999, "{count:?}");

    let midnight = next_midnight(scene.memory.clock.now());
    let after = midnight + SignedDuration::from_secs(90);
    scene.memory.clock.advance_to(after);
    for _ in 0..120 {
        scene.memory.release().await.unwrap();
        scene.memory.drain_all().await;
        scene.memory.clock.advance(SignedDuration::from_mins(1));
    }
    let all = 9_999 + 1; // the template, which the scheduler has requeued by now
    assert_eq!(delivered(&scene)["engines"], all);
    assert_eq!(
        crm.count(Call::SignUp),
        all,
        "no call was throttled or repeated"
    );
}

/// How many leads are in each state; for those that wait, by reason.
fn count(scene: &Scene) -> BTreeMap<&'static str, usize> {
    let mut count = BTreeMap::new();
    for record in scene.memory.ledger.all() {
        let label = match record.state {
            LeadState::Waiting {
                why: WaitReason::Quota,
            } => "quota",
            state => state.as_str(),
        };
        *count.entry(label).or_default() += 1;
    }
    count
}

#[tokio::test]
async fn lead_whose_message_was_lost_is_requeued_well_within_the_queue_retention() {
    let scene = Scene::connected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    drop(scene.memory.queue.receive(1));
    let retention = SignedDuration::from_hours(24 * 14);
    assert!(CHECK_AFTER * 2 < retention);

    scene
        .memory
        .clock
        .advance(CHECK_AFTER + SignedDuration::from_mins(1));
    assert_eq!(scene.memory.release().await.unwrap().stuck, 1);
    scene.drain().await;

    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}
