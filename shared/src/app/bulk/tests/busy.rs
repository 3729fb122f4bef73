//! Imports that are held: because an account has too much to do, or because it is not known lately how it makes
//! contacts.

use jiff::SignedDuration;

use super::trouble::run_in_vain;
use super::{all_are, back, backlog, imported, run, run_next, see, template, waiting};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::crm::CrmError;
use crate::domain::lead::LeadState;
use crate::fakes::Call;

const QUARTER: SignedDuration = SignedDuration::from_mins(15);

/// Makes a full queue of activities refuse imports for this many quarters of an hour.
async fn refuse(scene: &Scene, quarters: usize) {
    for _ in 0..quarters {
        scene.memory.clock.advance(QUARTER);
        scene.memory.crm.forget_answers();
        scene
            .memory
            .crm
            .answer_next_to(Call::Import, CrmError::THROTTLED);
        run_next(scene).await;
    }
    scene.memory.crm.forget_answers();
}

/// A person signs up, whose lead goes singly; returns its state.
async fn sign_up(scene: &Scene, email: &str) -> LeadState {
    let lead = scene.submit(&[("email", email)]).await.lead;
    scene.drain().await;
    scene.state(&lead).await
}

#[tokio::test]
async fn a_full_queue_of_activities_holds_an_import_that_goes_in_once_there_is_room() {
    let (scene, leads) = backlog(200).await;

    refuse(&scene, 20).await;
    assert_eq!(scene.memory.crm.count(Call::Import), 20);
    scene.memory.clock.advance(QUARTER);
    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn leads_of_an_import_that_a_full_queue_holds_for_days_go_singly() {
    let (scene, leads) = backlog(200).await;

    for _ in 0..4 {
        see(&scene, false).await;
        refuse(&scene, 70).await;
    }

    let made = scene.memory.crm.count(Call::Import);
    assert!((150..3 * 24 * 4).contains(&made), "{made}"); // two calls each, of a hundred a day
    assert!(all_are(&scene, &leads, &back()).await);
}

#[tokio::test]
async fn who_agreed_two_years_before_a_held_import_goes_in_is_not_in_it() {
    let (scene, leads) = backlog(199).await;
    let mut template = template(&scene).await;
    template.consent.given_at -= SignedDuration::from_hours(24 * 730 - 2);
    let old = waiting(&scene, &template, 199).await;

    refuse(&scene, 20).await;
    scene.memory.clock.advance(QUARTER);
    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.imports(ACCOUNT), [199]);
    assert!(all_are(&scene, &leads, &imported()).await);
    assert_eq!(scene.state(&old).await, back());
}

#[tokio::test]
async fn an_import_that_is_held_for_more_than_a_day_goes_in_once_a_single_lead_shows_that_it_may() {
    let (scene, leads) = backlog(200).await;
    refuse(&scene, 10).await;
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
async fn an_account_that_asks_for_no_import_for_long_delays_no_single_lead() {
    let (scene, leads) = backlog(200).await;
    let retry_after = SignedDuration::from_mins(30);
    let throttled = CrmError::Throttled { retry_after };
    scene.memory.crm.answer_next_to(Call::Import, throttled);

    run(&scene).await;
    scene.memory.clock.advance(SignedDuration::from_secs(1));
    let single = sign_up(&scene, "eve@example.com").await;
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
async fn leads_of_an_import_are_not_read_while_there_is_no_moment_for_its_call() {
    let mut steps = Vec::new();
    for count in [1_000, 7_000] {
        let (scene, _) = backlog(count).await;
        run_in_vain(&scene, 1).await;
        let before = scene.memory.faults.steps();
        run_in_vain(&scene, 1).await;
        steps.push(scene.memory.faults.steps() - before);
        scene.call_for(SignedDuration::ZERO);
        run_next(&scene).await;
        assert_eq!(scene.memory.crm.imports(ACCOUNT), [count]);
    }

    assert_eq!(steps[0], steps[1]);
}
