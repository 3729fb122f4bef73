//! How imports end: failed, vanished, with lists that are gone, or after a lost answer.

use jiff::SignedDuration;

use super::trouble::{backlog_with_opt_out, run_with_time_for_one_call};
use super::{all_are, backlog, imported, run, run_next, waiting_for_quota};
use crate::app::scene::ACCOUNT;
use crate::domain::crm::CrmError;
use crate::domain::lead::{LeadState, WaitReason};
use crate::fakes::Call;
use crate::ports::{Clock as _, Connections as _, Event};

#[tokio::test]
async fn leads_of_a_failed_or_vanished_import_are_sent_singly_and_not_imported_again() {
    for vanished in [false, true] {
        let (scene, leads) = backlog(200).await;
        if !vanished {
            scene.memory.crm.fail_imports(ACCOUNT, 1);
        }

        run(&scene).await;
        if vanished {
            scene.memory.crm.forget_activities(ACCOUNT);
        }
        for _ in 0..3 {
            run_next(&scene).await;
        }

        assert!(all_are(&scene, &leads, &waiting_for_quota()).await);
        assert_eq!(scene.memory.crm.count(Call::Import), 1);
    }
}

#[tokio::test]
async fn leads_of_an_import_pending_for_nine_days_are_sent_singly() {
    let (scene, leads) = backlog(200).await;
    let (crm, day) = (&scene.memory.crm, SignedDuration::from_hours(24));
    crm.delay_imports(ACCOUNT, day * 30);
    let began = scene.memory.clock.now();
    run(&scene).await;
    let held = LeadState::waiting(WaitReason::Import);
    while scene.memory.clock.now() < began + day * 9 {
        assert!(all_are(&scene, &leads, &held).await);
        scene.memory.clock.advance(SignedDuration::from_hours(3));
        run(&scene).await;
    }

    scene.memory.clock.advance(day / 2);
    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert!(all_are(&scene, &leads, &waiting_for_quota()).await);
    assert_eq!(crm.count(Call::Import), 1);
}

#[tokio::test]
async fn import_without_errors_whose_lists_are_gone_sends_its_leads_singly() {
    let (scene, leads) = backlog(200).await;
    run(&scene).await;
    scene.memory.crm.remove_list(ACCOUNT, &scene.list);

    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert!(all_are(&scene, &leads, &waiting_for_quota()).await);
    let directory = &scene.memory.directory;
    let row = directory.connection(&scene.customer).await.unwrap();
    assert_eq!(row.unwrap().lists_for(&[]), Err(WaitReason::NoList));
    let events = scene.memory.events.published();
    let mut gone = events
        .iter()
        .filter(|event| matches!(event, Event::ListGone { .. }));
    assert!(gone.next().is_some() && gone.next().is_none());
}

#[tokio::test]
async fn import_with_errors_whose_lists_are_gone_delivers_no_lead() {
    let (scene, leads) = backlog_with_opt_out(200).await;
    run(&scene).await;
    scene.memory.crm.remove_list(ACCOUNT, &scene.list);

    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert!(all_are(&scene, &leads, &waiting_for_quota()).await);
    assert_eq!(scene.memory.crm.count(Call::Changed), 0);
}

#[tokio::test]
async fn import_counts_as_delivered_if_one_of_its_lists_still_exists() {
    for first in [true, false] {
        let (scene, leads) = backlog(200).await;
        let crm = &scene.memory.crm;
        let directory = &scene.memory.directory;
        let mut row = directory
            .connection(&scene.customer)
            .await
            .unwrap()
            .unwrap();
        row.lists.push(crm.add_list(ACCOUNT, "Events"));
        directory.put_connection(&row).await.unwrap();
        run(&scene).await;
        let gone = if first { &row.lists[0] } else { &row.lists[1] };
        crm.remove_list(ACCOUNT, gone);

        run_next(&scene).await;

        assert!(all_are(&scene, &leads, &imported()).await);
    }
}

#[tokio::test]
async fn list_check_that_fails_temporarily_is_retried_before_leads_are_settled() {
    let (scene, leads) = backlog(200).await;
    run(&scene).await;
    while scene.memory.crm.count(Call::Activity) == 0 {
        run_with_time_for_one_call(&scene).await;
    }
    let held = LeadState::waiting(WaitReason::Import);
    assert!(all_are(&scene, &leads, &held).await);
    scene.memory.crm.fail_next(CrmError::Unavailable);

    run_next(&scene).await;
    assert!(all_are(&scene, &leads, &held).await);
    run_next(&scene).await;

    assert!(all_are(&scene, &leads, &imported()).await);
    assert_eq!(scene.memory.crm.count(Call::List), 2);
}

#[tokio::test]
async fn completed_import_is_trusted_if_the_user_may_not_read_lists() {
    let (scene, leads) = backlog(200).await;
    run(&scene).await;
    let rights = ["contacts:read", "contacts:write"];
    scene.memory.crm.set_privileges(ACCOUNT, &rights);

    run_next(&scene).await;

    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn import_whose_answer_was_lost_is_found_and_not_repeated() {
    let (scene, leads) = backlog(200).await;
    scene
        .memory
        .crm
        .fail_next_call(Call::Import, CrmError::AnswerLost);

    run(&scene).await;
    for _ in 0..5 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.count(Call::Import), 1);
    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn import_that_never_arrived_is_repeated() {
    let (scene, leads) = backlog(200).await;
    scene
        .memory
        .crm
        .fail_next_call(Call::Import, CrmError::Unavailable);

    run(&scene).await;
    for _ in 0..6 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.imports(ACCOUNT), [200]);
    assert!(all_are(&scene, &leads, &imported()).await);
}
