//! Leads that are neither accepted nor refused, however often they are tried.

use jiff::SignedDuration;

use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::ids::LeadId;
use crate::domain::lead::{LeadState, RefusalReason, WaitReason};
use crate::ports::Ledger as _;

/// Lets hours pass, in each of which due leads fail with `error`. With `others`, another lead comes once a day and is
/// accepted.
async fn fail_for(scene: &Scene, hours: u32, error: &CrmError, others: bool) {
    let memory = &scene.memory;
    for hour in 0..hours {
        memory.clock.advance(SignedDuration::from_hours(1));
        if others && hour % 24 == 3 {
            scene.sign_up(&format!("{hour}@example.com")).await;
            scene.drain().await;
        }
        memory.release().await.unwrap();
        memory.crm.fail_next(error.clone());
        scene.drain().await;
        memory.crm.clear_scripted_errors();
    }
}

async fn submit_failing(scene: &Scene, error: &CrmError) -> LeadId {
    scene.memory.crm.fail_next(error.clone());
    let lead = scene.sign_up("ada@example.com").await;
    scene.drain().await;
    assert_eq!(scene.state(&lead).await, upstream());
    lead
}

fn upstream() -> LeadState {
    LeadState::waiting(WaitReason::Upstream)
}

/// Starts at noon.
#[tokio::test]
async fn lead_that_keeps_failing_is_refused_once_others_of_a_whole_day_were_accepted() {
    let refusal = Refusal::of("", "no such contact");
    for (error, detail) in [
        (CrmError::BadRequest(403), None),
        (CrmError::Forbidden, None),
        (CrmError::Unavailable, None),
        (CrmError::NotFound(refusal.clone()), Some(refusal.message())),
    ] {
        let scene = Scene::connected().await;
        let lead = submit_failing(&scene, &error).await;

        fail_for(&scene, 35, &error, true).await;
        assert_eq!(scene.state(&lead).await, upstream(), "{error}");
        fail_for(&scene, 8, &error, true).await;

        let why = RefusalReason::CcRefused;
        let refused = LeadState::Refused { why, detail };
        assert_eq!(scene.state(&lead).await, refused, "{error}");
        let record = scene.memory.ledger.lead(&scene.customer, &lead).await;
        let tries = record.unwrap().unwrap().attempts;
        assert!((8..20).contains(&tries), "{tries}");
    }
}

#[tokio::test]
async fn lead_waits_through_an_outage_of_six_days_and_is_delivered_afterwards() {
    let scene = Scene::connected().await;
    let error = CrmError::BadRequest(403);
    let lead = submit_failing(&scene, &error).await;

    fail_for(&scene, 24 * 6, &error, false).await;

    assert_eq!(scene.state(&lead).await, upstream());
    scene.sign_up("grace@example.com").await;
    scene.drain().await;
    scene.memory.clock.advance(SignedDuration::from_hours(6));
    scene.memory.release().await.unwrap();
    scene.drain().await;
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn lead_with_few_failed_attempts_is_not_refused() {
    let scene = Scene::connected().await;
    let error = CrmError::BadRequest(403);
    let lead = submit_failing(&scene, &error).await;
    scene.sign_up("grace@example.com").await;
    scene.drain().await;
    scene.memory.clock.advance(SignedDuration::from_hours(36));
    scene.sign_up("jean@example.com").await;
    scene.drain().await;
    scene.memory.clock.advance(SignedDuration::from_hours(24));

    fail_for(&scene, 1, &error, false).await;

    assert_eq!(scene.state(&lead).await, upstream());
}

#[tokio::test]
async fn address_held_back_after_many_failures_is_retried_before_it_is_refused() {
    let scene = Scene::connected().await;
    let error = CrmError::BadRequest(403);
    let lead = submit_failing(&scene, &error).await;
    fail_for(&scene, 35, &error, true).await;
    let address = "ada@example.com".parse().unwrap();
    scene.memory.crm.flag_address(ACCOUNT, &address, true);
    let hours_later = async |hours| {
        scene
            .memory
            .clock
            .advance(SignedDuration::from_hours(hours));
        scene.memory.release().await.unwrap();
        scene.drain().await;
        scene.state(&lead).await
    };

    for _ in 0..8 {
        assert_eq!(hours_later(1).await, upstream());
    }
    let last = hours_later(50).await;

    let invalid = RefusalReason::InvalidAddress;
    assert!(
        matches!(&last, LeadState::Refused { why, .. } if *why == invalid),
        "{last:?}"
    );
}
