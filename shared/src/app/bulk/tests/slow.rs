//! Imports whose leads are read slowly.

use std::future::poll_fn;
use std::pin::pin;

use jiff::{SignedDuration, Timestamp};

use super::trouble::{backlog_with_opt_out, run_without_a_moment};
use super::{Imported, all_are, backlog, imported, run_next, see_opt_in, waiting_for_quota};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::crm::CrmError;
use crate::domain::ids::LeadId;
use crate::fakes::Call;
use crate::ports::{Clock as _, Imports as _};

/// How long after its deadline a run may take to store where it is and to look for more work.
const GRACE: SignedDuration = SignedDuration::from_secs(15);

/// How long a request takes with a healthy store.
const FAST: SignedDuration = SignedDuration::from_millis(100);

/// How long a request takes if a run has too little time to read an import's leads.
const SLOW: SignedDuration = SignedDuration::from_millis(1_500);

/// A run a minute later that has `time`, while every request takes as long as `pace` returns.
async fn run_at_pace(
    scene: &Scene,
    pace: impl Fn() -> SignedDuration,
    time: SignedDuration,
) -> Imported {
    let clock = &scene.memory.clock;
    clock.advance(SignedDuration::from_mins(1));
    let bulk = scene.memory.bulk();
    let mut run = pin!(bulk.run(clock.now() + time));
    let done = poll_fn(|context| {
        clock.advance(pace());
        run.as_mut().poll(context)
    });
    let (imported, result) = done.await;
    result.unwrap();
    imported
}

/// A run in which leads are read slowly, once the account's deleted contacts are read; returns how long it took.
async fn run_reading_slowly(scene: &Scene, time: SignedDuration) -> SignedDuration {
    let crm = &scene.memory.crm;
    let (requests, before) = (crm.count(Call::Deleted), scene.memory.clock.now());
    let pace = || {
        if crm.count(Call::Deleted) > requests {
            SLOW
        } else {
            FAST
        }
    };
    run_at_pace(scene, pace, time).await;
    assert!(crm.count(Call::Deleted) > requests);
    let minute = SignedDuration::from_mins(1);
    scene.memory.clock.now().duration_since(before) - minute
}

/// An import of seven chunks that is gathered and not submitted.
async fn gathered() -> (Scene, Vec<LeadId>) {
    let (scene, leads) = backlog(7_000).await;
    run_without_a_moment(&scene, 1).await;
    scene.occupy_budget_for(SignedDuration::ZERO);
    (scene, leads)
}

#[tokio::test]
async fn slow_reads_do_not_overrun_a_run_and_leads_are_sent_singly_after_five_tries() {
    let (scene, leads) = gathered().await;
    let time = SignedDuration::from_secs(35);

    for _ in 0..5 {
        assert!(run_reading_slowly(&scene, time).await < time + GRACE);
    }
    run_next(&scene).await;

    assert_eq!(scene.memory.crm.count(Call::Import), 0);
    assert!(all_are(&scene, &leads, &waiting_for_quota()).await);
}

#[tokio::test]
async fn reading_started_late_in_a_run_does_not_count_as_a_try() {
    let (scene, leads) = gathered().await;

    for _ in 0..10 {
        run_reading_slowly(&scene, SignedDuration::from_secs(25)).await;
    }
    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.imports(ACCOUNT), [7_000]);
    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn run_spent_waiting_for_the_account_does_not_count_as_a_try() {
    let (scene, leads) = gathered().await;
    for _ in 0..10 {
        run_at_pace(&scene, || SLOW / 2, SignedDuration::from_secs(35)).await;
    }
    assert_eq!(scene.memory.crm.count(Call::Import), 0);
    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.imports(ACCOUNT), [7_000]);
    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn leads_of_an_import_with_errors_too_slow_to_read_are_sent_singly_in_the_end() {
    let (scene, leads) = backlog_with_opt_out(7_000).await;
    run_next(&scene).await;
    assert_eq!(scene.memory.crm.count(Call::Import), 1);
    let time = SignedDuration::from_secs(35);

    for _ in 0..12 {
        run_at_pace(&scene, || SLOW, time).await;
    }
    for _ in 0..2 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.count(Call::Changed), 0);
    assert!(all_are(&scene, &leads, &waiting_for_quota()).await);
}

#[tokio::test]
async fn import_whose_answer_was_lost_is_found_behind_1100_newer_activities() {
    let (scene, leads) = backlog(200).await;
    scene
        .memory
        .crm
        .fail_next_call(Call::Import, CrmError::AnswerLost);

    run_next(&scene).await;
    scene.memory.crm.add_unrelated_activities(ACCOUNT, 1_100);
    for _ in 0..5 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.count(Call::Import), 1);
    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn long_lane_that_cannot_be_imported_is_released_even_if_not_searched_to_its_end() {
    let (scene, leads) = backlog(15_000).await;
    scene.memory.crm.fail_imports(ACCOUNT, 1);
    run_next(&scene).await;
    while scene.state(&leads[0]).await != waiting_for_quota() {
        run_next(&scene).await;
    }
    scene.occupy_budget_for(SignedDuration::ZERO);

    let done = run_at_pace(&scene, || SLOW, SignedDuration::from_secs(35)).await;
    let released = scene.memory.scheduler().release(&done.gathering).await;

    assert!(released.unwrap().waited > 0);
}

#[tokio::test]
async fn expired_token_is_refreshed_before_the_leads_of_a_large_import_are_read() {
    let (scene, leads) = gathered().await;
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    see_opt_in(&scene, false).await;
    let pace = SignedDuration::from_millis(300);
    let time = SignedDuration::from_secs(35);

    run_at_pace(&scene, || pace, time).await;

    assert_eq!(scene.memory.crm.count(Call::Refresh), 1);
    assert_eq!(scene.memory.crm.imports(ACCOUNT), [leads.len()]);
}

#[tokio::test]
async fn run_with_twenty_seconds_left_starts_no_import_and_releases_leads() {
    for (seconds, imports) in [(55, 1), (20, 0)] {
        let (scene, _) = backlog(200).await;
        let end = scene.memory.clock.now() + SignedDuration::from_secs(seconds);

        let ran = scene.memory.scheduler().run(end).await.unwrap();

        let begun = scene.memory.ledger.due_imports(Timestamp::MAX, 10).await;
        assert_eq!(begun.unwrap().len(), imports, "{seconds}");
        assert_eq!(ran.waited > 0, imports == 0, "{seconds}");
    }
}
