//! Imports beside busy drains, whose agreement is taken back, that look alike, or that have trouble.

use jiff::{SignedDuration, Timestamp};

use super::{agree, back, backlog, imported, run, run_next, states};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::budget::BudgetState;
use crate::domain::connection::ConfirmedOptIn;
use crate::domain::crm::CrmError;
use crate::domain::customer::BulkImport;
use crate::domain::ids::AppId;
use crate::domain::import::{ImportJob, Stage};
use crate::fakes::Call;
use crate::ports::{Clock as _, Connections as _, Imports as _};

/// Has drains hold every moment up to `until`.
fn busy(scene: &Scene, until: Timestamp) {
    let state = BudgetState {
        next_call_ms: until.as_millisecond(),
        spent: 0,
        ..BudgetState::assumed(Default::default(), scene.memory.clock.now())
    };
    scene.memory.budget.set(&AppId::default_app(), state);
}

/// Runs while there is no moment.
async fn run_in_vain(scene: &Scene, times: usize) {
    for _ in 0..times {
        let now = scene.memory.clock.now();
        busy(scene, now + SignedDuration::from_mins(2));
        run_next(scene).await;
    }
}

#[tokio::test]
async fn an_import_that_finds_no_moment_waits_for_one_and_is_not_given_up() {
    let (scene, leads) = backlog(200).await;

    run_in_vain(&scene, 20).await;
    assert_eq!(scene.memory.crm.count(Call::Import), 0);
    busy(&scene, scene.memory.clock.now());
    for _ in 0..4 {
        run_next(&scene).await;
    }

    let states = states(&scene, &leads).await;
    assert!(states.iter().all(|state| *state == imported()));
}

#[tokio::test]
async fn nobody_is_imported_whose_agreement_or_account_has_changed_since_they_were_gathered() {
    for withdrawn in [true, false] {
        let (scene, leads) = backlog(200).await;
        run_in_vain(&scene, 2).await;

        if withdrawn {
            agree(&scene, BulkImport::Never).await;
        } else {
            let seen_at = scene.memory.clock.now();
            let seen = ConfirmedOptIn { on: true, seen_at };
            let directory = &scene.memory.directory;
            directory.opt_in_seen(&scene.customer, seen).await.unwrap();
        }
        for _ in 0..3 {
            busy(&scene, scene.memory.clock.now());
            run_next(&scene).await;
        }

        assert_eq!(scene.memory.crm.count(Call::Import), 0);
        let states = states(&scene, &leads).await;
        assert!(states.iter().all(|state| *state == back()));
    }
}

#[tokio::test]
async fn nobody_is_imported_whose_consent_was_changed_since_they_were_gathered() {
    let (scene, leads) = backlog(200).await;
    run_in_vain(&scene, 2).await;

    scene.memory.ledger.tamper(|record| {
        if record.lead.id == leads[7] {
            record.lead.consent.statement = "anything".into();
        }
    });
    for _ in 0..3 {
        busy(&scene, scene.memory.clock.now());
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.imports(ACCOUNT), [199]);
    assert_eq!(scene.state(&leads[7]).await, back());
}

#[tokio::test]
async fn what_no_import_may_take_is_released_however_much_it_is() {
    let (scene, leads) = backlog(200).await;
    scene.memory.crm.fail_imports(ACCOUNT, 1);
    for _ in 0..3 {
        run_next(&scene).await;
    }
    let after_the_failure = states(&scene, &leads).await;
    assert!(after_the_failure.iter().all(|state| *state == back()));

    busy(&scene, scene.memory.clock.now());
    let done = run_next(&scene).await;
    let released = scene.memory.release().run_beside(&done.gathering).await;

    assert!(released.unwrap().waited > 0);
}

#[tokio::test]
async fn an_import_whose_rows_are_counted_late_is_waited_for_and_not_made_again() {
    let (scene, leads) = backlog(200).await;
    let takes = SignedDuration::from_mins(20);
    scene.memory.crm.slow_imports(ACCOUNT, takes);
    scene.memory.crm.answer_next(CrmError::AnswerLost);

    for _ in 0..60 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.count(Call::Import), 1);
    let states = states(&scene, &leads).await;
    assert!(states.iter().all(|state| *state == imported()));
}

#[tokio::test]
async fn an_import_whose_header_row_is_counted_along_is_found_and_not_made_again() {
    let (scene, leads) = backlog(200).await;
    scene.memory.crm.count_headers(ACCOUNT);
    scene.memory.crm.answer_next(CrmError::AnswerLost);

    for _ in 0..20 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.count(Call::Import), 1);
    let states = states(&scene, &leads).await;
    assert!(states.iter().all(|state| *state == imported()));
}

#[tokio::test]
async fn an_import_that_never_arrived_is_not_taken_for_a_finished_one_of_the_same_size() {
    let (scene, _) = backlog(200).await;
    let since = scene.memory.clock.now();
    run(&scene).await;
    run_next(&scene).await;
    let ledger = &scene.memory.ledger;
    let id = "imp_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
    let lists = vec![scene.list.clone()];
    let other = ImportJob::new(id, scene.customer.clone(), lists, since);
    assert!(ledger.save_import(&other, None).await.unwrap());
    let asked = Stage::Submitting { since, rows: 200 };
    let other = other.next(asked, Some(since));
    assert!(ledger.save_import(&other, None).await.unwrap());

    for _ in 0..3 {
        run_next(&scene).await;
    }

    let imports = ledger.imports_of(&scene.customer).await.unwrap();
    let known = imports.iter().filter(|import| import.activity.is_some());
    assert_eq!(known.count(), 1);
    assert!(imports.iter().all(|import| import.stage == Stage::Closed));
}

#[tokio::test]
async fn leads_of_an_import_with_trouble_are_sorted_out_page_by_page_and_no_page_is_read_twice() {
    let (scene, leads) = backlog(1_200).await;
    scene.memory.clock.advance(SignedDuration::from_secs(1));
    let email = "lead7@example.com".parse().unwrap();
    scene.memory.crm.opt_out(ACCOUNT, &email);

    for _ in 0..12 {
        scene.memory.clock.advance(SignedDuration::from_mins(1));
        // Time for one call.
        let deadline = scene.memory.clock.now() + SignedDuration::from_millis(12_100);
        scene.memory.bulk().run(deadline).await.unwrap();
    }

    assert_eq!(scene.memory.crm.count(Call::Changed), 3);
    for (i, state) in states(&scene, &leads).await.into_iter().enumerate() {
        assert_eq!(state, if i == 7 { back() } else { imported() }, "{i}");
    }
}
