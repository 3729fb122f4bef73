//! Imports that are held: because the account is busy, or because it has not been seen lately whether it asks for
//! confirmations.

use jiff::SignedDuration;

use super::trouble::run_without_a_moment;
use super::{
    add_waiting_lead, all_are, backlog, imported, run, run_next, see_opt_in, template,
    waiting_for_quota,
};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::crm::CrmError;
use crate::domain::lead::LeadState;
use crate::fakes::Call;

const QUARTER_HOUR: SignedDuration = SignedDuration::from_mins(15);

/// Refuses imports for this many quarters of an hour, as an account's full queue of activities does.
async fn refuse_imports(scene: &Scene, quarters: usize) {
    for _ in 0..quarters {
        scene.memory.clock.advance(QUARTER_HOUR);
        scene.memory.crm.clear_scripted_errors();
        scene
            .memory
            .crm
            .fail_next_call(Call::Import, CrmError::THROTTLED);
        run_next(scene).await;
    }
    scene.memory.crm.clear_scripted_errors();
}

/// Delivers a lead that is sent singly; returns its state.
async fn sign_up(scene: &Scene, email: &str) -> LeadState {
    let lead = scene.submit(&[("email", email)]).await.lead;
    scene.drain().await;
    scene.state(&lead).await
}

/// Delivers a lead singly just after an import was answered with this error; returns its state.
async fn sign_up_after_import_fails(scene: &Scene, error: CrmError) -> LeadState {
    scene.memory.crm.fail_next_call(Call::Import, error);
    run(scene).await;
    scene.memory.clock.advance(SignedDuration::from_secs(1));
    sign_up(scene, "eve@example.com").await
}

#[tokio::test]
async fn import_refused_by_a_full_activity_queue_is_retried_until_accepted() {
    let (scene, leads) = backlog(200).await;

    refuse_imports(&scene, 20).await;
    assert_eq!(scene.memory.crm.count(Call::Import), 20);
    scene.memory.clock.advance(QUARTER_HOUR);
    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn leads_of_an_import_held_for_three_days_by_a_full_queue_are_sent_singly() {
    let (scene, leads) = backlog(200).await;

    for _ in 0..4 {
        see_opt_in(&scene, false).await;
        refuse_imports(&scene, 70).await;
    }

    let made = scene.memory.crm.count(Call::Import);
    assert!((150..3 * 24 * 4).contains(&made), "{made}"); // two calls each, of a hundred a day
    assert!(all_are(&scene, &leads, &waiting_for_quota()).await);
}

#[tokio::test]
async fn lead_whose_consent_gets_too_old_while_its_import_is_held_is_left_out() {
    let (scene, leads) = backlog(199).await;
    let mut template = template(&scene).await;
    template.consent.given_at -= SignedDuration::from_hours(24 * 730 - 2);
    let old = add_waiting_lead(&scene, &template, 199).await;

    refuse_imports(&scene, 20).await;
    scene.memory.clock.advance(QUARTER_HOUR);
    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.imports(ACCOUNT), [199]);
    assert!(all_are(&scene, &leads, &imported()).await);
    assert_eq!(scene.state(&old).await, waiting_for_quota());
}

#[tokio::test]
async fn import_held_over_a_day_resumes_once_a_single_lead_shows_it_is_allowed() {
    let (scene, leads) = backlog(200).await;
    refuse_imports(&scene, 10).await;
    let made = scene.memory.crm.count(Call::Import);
    scene.memory.clock.advance(SignedDuration::from_hours(24));
    for _ in 0..3 {
        run_next(&scene).await;
    }
    assert_eq!(scene.memory.crm.count(Call::Import), made);

    let single = sign_up(&scene, "eve@example.com").await;
    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert!(matches!(single, LeadState::Delivered { .. }));
    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn throttled_import_waits_for_retry_after_and_does_not_delay_single_leads() {
    let (scene, leads) = backlog(200).await;
    let retry_after = SignedDuration::from_mins(30);
    let throttled = CrmError::Throttled { retry_after };

    let single = sign_up_after_import_fails(&scene, throttled).await;
    for _ in 0..28 {
        run_next(&scene).await;
    }

    assert!(matches!(single, LeadState::Delivered { .. }), "{single:?}");
    assert_eq!(scene.memory.crm.count(Call::Import), 1);
    for _ in 0..5 {
        run_next(&scene).await;
    }
    assert_eq!(scene.memory.crm.count(Call::Import), 2);
    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn quota_that_only_an_import_exceeds_does_not_delay_single_leads() {
    let (scene, leads) = backlog(200).await;

    let single = sign_up_after_import_fails(&scene, CrmError::QuotaExceeded).await;
    for _ in 0..20 {
        run_next(&scene).await;
    }

    assert!(matches!(single, LeadState::Delivered { .. }), "{single:?}");
    assert_eq!(scene.memory.crm.count(Call::Import), 2);
    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn leads_of_an_import_are_not_read_while_the_budget_has_no_moment_for_its_call() {
    let mut steps = Vec::new();
    for count in [1_000, 7_000] {
        let (scene, _) = backlog(count).await;
        run_without_a_moment(&scene, 1).await;
        let before = scene.memory.faults.steps();
        run_without_a_moment(&scene, 1).await;
        steps.push(scene.memory.faults.steps() - before);
        scene.occupy_budget_for(SignedDuration::ZERO);
        run_next(&scene).await;
        assert_eq!(scene.memory.crm.imports(ACCOUNT), [count]);
    }

    assert_eq!(steps[0], steps[1]);
}
