//! Imports without a free moment, that are no longer allowed, that look alike, or that have errors.

use jiff::SignedDuration;

use super::{
    add_waiting_lead, all_are, backlog, imported, run, run_next, see_opt_in, set_bulk_import,
    states, template, waiting_for_quota,
};
use crate::app::requeue::LISTED_WITHIN;
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::{ConnectionStatus, CustomField, FieldKind, ReconnectReason};
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::customer::{BulkImport, kept_for};
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::import::{ImportJob, Stage};
use crate::domain::lead::{LeadState, WaitReason};
use crate::fakes::{Call, Fault};
use crate::ports::{Clock as _, Connections as _, Customers as _, Imports as _, Lanes as _};

/// Runs while the budget has no free moment.
pub(super) async fn run_without_a_moment(scene: &Scene, times: usize) {
    for _ in 0..times {
        scene.occupy_budget_for(SignedDuration::from_mins(2));
        run_next(scene).await;
    }
}

/// A run that has time for one call.
pub(super) async fn run_with_time_for_one_call(scene: &Scene) {
    scene.memory.clock.advance(SignedDuration::from_mins(1));
    let deadline = scene.memory.clock.now() + SignedDuration::from_millis(12_100);
    scene.memory.bulk().run(deadline).await.1.unwrap();
}

/// A backlog with one lead whose contact has opted out, so that its import has an error.
pub(super) async fn backlog_with_opt_out(count: usize) -> (Scene, Vec<LeadId>) {
    let (scene, leads) = backlog(count).await;
    scene.memory.clock.advance(SignedDuration::from_secs(1));
    let email = "lead7@example.com".parse().unwrap();
    scene.memory.crm.opt_out(ACCOUNT, &email);
    (scene, leads)
}

async fn stages(scene: &Scene) -> Vec<Stage> {
    let imports = scene.memory.ledger.imports_of(&scene.customer).await;
    let stages = imports.unwrap().into_iter().map(|import| import.stage);
    stages.collect()
}

#[tokio::test]
async fn import_waits_for_a_free_moment_without_being_given_up() {
    let (scene, leads) = backlog(200).await;

    run_without_a_moment(&scene, 20).await;
    assert_eq!(scene.memory.crm.count(Call::Import), 0);
    scene.occupy_budget_for(SignedDuration::ZERO);
    for _ in 0..4 {
        run_next(&scene).await;
    }

    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn gathered_leads_are_not_imported_if_imports_become_disallowed_before_the_call() {
    for withdrawn in [true, false] {
        let (scene, leads) = backlog(200).await;
        run_without_a_moment(&scene, 2).await;

        if withdrawn {
            set_bulk_import(&scene, BulkImport::Never).await;
        } else {
            see_opt_in(&scene, true).await;
        }
        for _ in 0..3 {
            scene.occupy_budget_for(SignedDuration::ZERO);
            run_next(&scene).await;
        }

        assert_eq!(scene.memory.crm.count(Call::Import), 0);
        assert!(all_are(&scene, &leads, &waiting_for_quota()).await);
    }
}

#[tokio::test]
async fn lead_whose_seal_broke_after_gathering_is_not_imported() {
    let (scene, leads) = backlog(200).await;
    run_without_a_moment(&scene, 2).await;

    scene.memory.ledger.tamper(|record| {
        if record.lead.id == leads[7] {
            record.lead.consent.statement = "anything".into();
        }
    });
    for _ in 0..3 {
        scene.occupy_budget_for(SignedDuration::ZERO);
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.imports(ACCOUNT), [199]);
    assert_eq!(scene.state(&leads[7]).await, waiting_for_quota());
}

#[tokio::test]
async fn lead_with_a_foreign_phone_number_is_sent_singly_and_keeps_the_number() {
    let (scene, leads) = backlog(200).await;
    let mut lead = template(&scene).await;
    lead.contact.phone_number = "+49 30 123456".into();
    let foreign = add_waiting_lead(&scene, &lead, 200).await;

    run(&scene).await;
    run_next(&scene).await;

    assert!(all_are(&scene, &leads, &imported()).await);
    assert_eq!(scene.state(&foreign).await, waiting_for_quota());
    scene.memory.release().await.unwrap();
    scene.drain().await;
    let email = "lead200@example.com".parse().unwrap();
    let contact = scene.memory.crm.contact(ACCOUNT, &email).unwrap();
    assert_eq!(contact.contact.phone_number, "+49 30 123456");
}

#[tokio::test]
async fn large_backlog_that_cannot_be_imported_is_released() {
    let (scene, leads) = backlog(200).await;
    scene.memory.crm.fail_imports(ACCOUNT, 1);
    for _ in 0..3 {
        run_next(&scene).await;
    }
    assert!(all_are(&scene, &leads, &waiting_for_quota()).await);

    scene.occupy_budget_for(SignedDuration::ZERO);
    let done = run_next(&scene).await;
    let released = scene.memory.scheduler().release(&done.gathering).await;

    assert!(released.unwrap().waited > 0);
}

#[tokio::test]
async fn import_with_a_lost_answer_and_late_row_count_is_awaited_and_not_repeated() {
    let (scene, leads) = backlog(200).await;
    let takes = SignedDuration::from_mins(20);
    scene.memory.crm.delay_imports(ACCOUNT, takes);
    scene
        .memory
        .crm
        .fail_next_call(Call::Import, CrmError::AnswerLost);

    for _ in 0..60 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.count(Call::Import), 1);
    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn import_that_never_arrived_is_not_mistaken_for_a_finished_one_of_the_same_size() {
    let (scene, _) = backlog(200).await;
    let since = scene.memory.clock.now();
    run(&scene).await;
    run_next(&scene).await;
    let ledger = &scene.memory.ledger;
    let id = "imp_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
    let lists = vec![scene.list.clone()];
    let other = ImportJob::new(id, scene.customer.clone(), lists, since);
    assert!(ledger.save_import(&other, None).await.unwrap());
    let submitting = Stage::Submitting { since, rows: 200 };
    let other = other.next(submitting, Some(since));
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
async fn import_with_errors_is_sorted_out_page_by_page_without_rereading_pages() {
    let (scene, leads) = backlog_with_opt_out(1_200).await;
    run(&scene).await;

    for _ in 0..12 {
        run_with_time_for_one_call(&scene).await;
    }

    assert_eq!(scene.memory.crm.count(Call::Changed), 3);
    for (i, state) in states(&scene, &leads).await.into_iter().enumerate() {
        assert_eq!(
            state,
            if i == 7 {
                waiting_for_quota()
            } else {
                imported()
            },
            "{i}"
        );
    }
}

#[tokio::test]
async fn import_with_errors_is_closed_if_the_connection_is_lost_while_sorting_it_out() {
    let (scene, leads) = backlog_with_opt_out(1_200).await;
    run(&scene).await;
    while scene.memory.crm.count(Call::Changed) == 0 {
        run_with_time_for_one_call(&scene).await;
    }
    let (reason, since) = (ReconnectReason::InvalidGrant, scene.memory.clock.now());
    let lost = ConnectionStatus::NeedsReconnect { reason, since };
    let directory = &scene.memory.directory;
    let set = directory.set_status(&scene.customer, 1, &lost).await;
    assert!(set.unwrap());

    run_next(&scene).await;
    run_next(&scene).await;
    assert_eq!(stages(&scene).await, [Stage::Closed]);
    for _ in 0..30 {
        scene.memory.clock.advance(SignedDuration::from_mins(1));
        scene.memory.release().await.unwrap();
        while !scene.memory.queue.sent().is_empty() {
            scene.drain().await;
        }
    }

    let reconnect = LeadState::waiting(WaitReason::Reconnect);
    let states = states(&scene, &leads).await;
    let count = |state: &LeadState| states.iter().filter(|other| *other == state).count();
    assert_eq!((count(&imported()), count(&reconnect)), (500, 700));
    assert_eq!(scene.memory.crm.count(Call::Changed), 1);
}

#[tokio::test]
async fn leads_of_an_import_with_errors_are_sent_singly_if_listing_changes_is_refused() {
    let (scene, leads) = backlog_with_opt_out(200).await;
    run(&scene).await;
    while scene.memory.crm.count(Call::List) == 0 {
        run_with_time_for_one_call(&scene).await;
    }
    assert_eq!(scene.memory.crm.count(Call::Changed), 0);
    let refusal = CrmError::Invalid(Refusal::default());
    scene.memory.crm.fail_next(refusal);

    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert_eq!(stages(&scene).await, [Stage::Closed]);
    assert!(all_are(&scene, &leads, &waiting_for_quota()).await);
}

#[tokio::test]
async fn rows_dropped_silently_by_the_account_are_sent_singly() {
    let (scene, leads) = backlog(200).await;
    scene.memory.crm.truncate_imports(ACCOUNT, 150);

    run(&scene).await;
    for _ in 0..5 {
        run_next(&scene).await;
    }

    let states = states(&scene, &leads).await;
    let count = |state: &LeadState| states.iter().filter(|other| *other == state).count();
    assert_eq!((count(&imported()), count(&waiting_for_quota())), (150, 50));
}

/// Gives every lead so many values that an import holds fewer than six hundred.
async fn fill_custom_fields(scene: &Scene) {
    let names: Vec<_> = (0..25).map(|n| format!("Field {n}")).collect();
    for name in &names {
        scene.memory.crm.add_custom_field(ACCOUNT, name);
    }
    let directory = &scene.memory.directory;
    let connection = directory.connection(&scene.customer).await;
    let mut connection = connection.unwrap().unwrap();
    let field = |(n, label): (usize, &String)| CustomField {
        id: format!("00000000-0000-4000-9000-{n:012x}").parse().unwrap(),
        label: label.clone(),
        name: label.replace(' ', "_"),
        kind: Some(FieldKind::Text),
    };
    connection.catalog.custom_fields = names.iter().enumerate().map(field).collect();
    assert!(directory.put_connection(&connection).await.unwrap());
    scene.memory.ledger.tamper(|record| {
        let values = names.iter().map(|name| (name.clone(), "x".repeat(250)));
        record.lead.contact.custom_fields = values.collect();
    });
}

#[tokio::test]
async fn lead_named_in_two_imports_is_imported_only_once() {
    let (scene, leads) = backlog(700).await;
    fill_custom_fields(&scene).await;
    let faults = &scene.memory.faults;
    faults.at(faults.steps() + 300, Fault::FailBefore);
    let deadline = scene.memory.clock.now() + SignedDuration::from_secs(35);
    assert!(scene.memory.bulk().run(deadline).await.1.is_err());
    let waiting = scene.memory.ledger.backlog(&scene.customer, 700).await;
    assert!((1..700).contains(&waiting.unwrap()), "it failed half-way");

    for _ in 0..6 {
        run_next(&scene).await;
    }

    let imports = scene.memory.crm.imports(ACCOUNT);
    assert_eq!(imports.len(), 2, "{imports:?}");
    assert_eq!(imports.iter().sum::<usize>(), 700, "{imports:?}");
    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn unreadable_connection_of_one_customer_does_not_block_imports_of_others() {
    let (scene, _) = backlog(200).await;
    let (other, now): (CustomerId, _) = ("other".parse().unwrap(), scene.memory.clock.now());
    let before = now - SignedDuration::from_mins(1);
    scene.memory.ledger.mark_lane(&other, before).await.unwrap();
    scene.memory.directory.make_unreadable(&other);

    let deadline = now + SignedDuration::from_secs(35);
    let (_, result) = scene.memory.bulk().run(deadline).await;

    assert!(result.is_err());
    assert_eq!(scene.memory.crm.imports(ACCOUNT), [200]);
}

#[tokio::test]
async fn lane_of_returned_leads_becomes_due_only_once_they_are_listed() {
    let (scene, leads) = backlog(200).await;
    scene.memory.crm.fail_imports(ACCOUNT, 1);
    let done = run_next(&scene).await;
    let released = scene.memory.scheduler().release(&done.gathering).await;
    assert_eq!(released.unwrap().waited, 0);
    assert_eq!(scene.due_lanes(scene.memory.clock.now()).await, 0);

    while scene.state(&leads[0]).await != waiting_for_quota() {
        run_next(&scene).await;
    }

    let now = scene.memory.clock.now();
    assert_eq!(scene.due_lanes(now).await, 0);
    assert_eq!(scene.due_lanes(now + LISTED_WITHIN).await, 1);
}

#[tokio::test]
async fn lead_imported_for_a_deleted_customer_still_expires() {
    let (scene, _) = backlog(200).await;
    run(&scene).await;
    let jobs = scene.memory.ledger.imports_of(&scene.customer).await;
    let job = jobs.unwrap().pop().unwrap();
    let directory = &scene.memory.directory;
    directory.delete_customer(&scene.customer).await.unwrap();

    let settlement = scene.memory.bulk().delivered(&job, vec![]).await.unwrap();

    assert_eq!(settlement.expires_at, Some(settlement.at + kept_for(None)));
}

#[tokio::test]
async fn expired_token_is_not_refreshed_if_the_run_has_no_time_for_it() {
    let (scene, _) = backlog(300).await;
    let (clock, crm) = (&scene.memory.clock, &scene.memory.crm);
    assert_eq!(run(&scene).await.taken, 300);
    clock.advance(SignedDuration::from_hours(25));

    let deadline = clock.now() + SignedDuration::from_secs(29);
    scene.memory.bulk().run(deadline).await.1.unwrap();

    assert_eq!(crm.count(Call::Refresh), 0);
    run_next(&scene).await;
    assert_eq!(crm.count(Call::Refresh), 1);
}
