//! Imports that do not end as they should.

use jiff::SignedDuration;

use super::trouble::{make_one_call, troubled};
use super::{all_are, back, backlog, imported, run, run_next};
use crate::app::scene::ACCOUNT;
use crate::domain::crm::CrmError;
use crate::domain::lead::{LeadState, WaitReason};
use crate::fakes::Call;
use crate::ports::{Clock as _, Connections as _, Event};

#[tokio::test]
async fn a_failed_import_and_one_that_vanished_go_their_single_ways_and_are_not_imported_again() {
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

        assert!(all_are(&scene, &leads, &back()).await);
        assert_eq!(scene.memory.crm.count(Call::Import), 1);
    }
}

#[tokio::test]
async fn an_import_that_never_ends_gives_its_leads_back_before_the_account_forgets_it() {
    let (scene, leads) = backlog(200).await;
    let (crm, day) = (&scene.memory.crm, SignedDuration::from_hours(24));
    crm.slow_imports(ACCOUNT, day * 30);
    let began = scene.memory.clock.now();
    run(&scene).await;
    let held = LeadState::waits(WaitReason::Import);
    while scene.memory.clock.now() < began + day * 9 {
        assert!(all_are(&scene, &leads, &held).await);
        scene.memory.clock.advance(SignedDuration::from_hours(3));
        run(&scene).await;
    }

    scene.memory.clock.advance(day / 2);
    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert!(all_are(&scene, &leads, &back()).await);
    assert_eq!(crm.count(Call::Import), 1);
}

#[tokio::test]
async fn an_import_whose_lists_are_gone_by_its_end_goes_its_single_way_though_no_error_is_counted()
{
    let (scene, leads) = backlog(200).await;
    run(&scene).await;
    scene.memory.crm.remove_list(ACCOUNT, &scene.list);

    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert!(all_are(&scene, &leads, &back()).await);
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
async fn an_import_with_trouble_whose_lists_are_gone_delivers_nobody() {
    let (scene, leads) = troubled(200).await;
    run(&scene).await;
    scene.memory.crm.remove_list(ACCOUNT, &scene.list);

    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert!(all_are(&scene, &leads, &back()).await);
    assert_eq!(scene.memory.crm.count(Call::Changed), 0);
}

#[tokio::test]
async fn an_import_of_which_one_list_is_left_has_delivered_its_leads() {
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
async fn an_import_whose_lists_nobody_can_look_for_now_is_looked_at_again() {
    let (scene, leads) = backlog(200).await;
    run(&scene).await;
    while scene.memory.crm.count(Call::Activity) == 0 {
        make_one_call(&scene).await;
    }
    let held = LeadState::waits(WaitReason::Import);
    assert!(all_are(&scene, &leads, &held).await);
    scene.memory.crm.answer_next(CrmError::Unavailable);

    run_next(&scene).await;
    assert!(all_are(&scene, &leads, &held).await);
    run_next(&scene).await;

    assert!(all_are(&scene, &leads, &imported()).await);
    assert_eq!(scene.memory.crm.count(Call::List), 2);
}

#[tokio::test]
async fn an_import_for_a_user_who_may_not_see_lists_is_taken_at_its_word() {
    let (scene, leads) = backlog(200).await;
    run(&scene).await;
    let rights = ["contacts:read", "contacts:write"];
    scene.memory.crm.set_privileges(ACCOUNT, &rights);

    run_next(&scene).await;

    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn an_import_whose_answer_was_lost_is_found_and_not_made_again() {
    let (scene, leads) = backlog(200).await;
    scene
        .memory
        .crm
        .answer_next_to(Call::Import, CrmError::AnswerLost);

    run(&scene).await;
    for _ in 0..5 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.count(Call::Import), 1);
    assert!(all_are(&scene, &leads, &imported()).await);
}

#[tokio::test]
async fn an_import_that_never_arrived_is_made_again() {
    let (scene, leads) = backlog(200).await;
    scene
        .memory
        .crm
        .answer_next_to(Call::Import, CrmError::Unavailable);

    run(&scene).await;
    for _ in 0..6 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.imports(ACCOUNT), [200]);
    assert!(all_are(&scene, &leads, &imported()).await);
}
