//! Imports that do not end as they should.

use jiff::SignedDuration;

use super::{all_are, back, backlog, imported, run, run_next};
use crate::app::scene::ACCOUNT;
use crate::domain::crm::CrmError;
use crate::domain::lead::{LeadState, WaitReason};
use crate::fakes::Call;
use crate::ports::Clock as _;

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
    let held = LeadState::Waiting {
        why: WaitReason::Import,
    };
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
async fn an_import_whose_answer_was_lost_is_found_and_not_made_again() {
    let (scene, leads) = backlog(200).await;
    scene.memory.crm.answer_next(CrmError::AnswerLost);

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
    scene.memory.crm.answer_next(CrmError::Unavailable);

    run(&scene).await;
    for _ in 0..6 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.imports(ACCOUNT), [200]);
    assert!(all_are(&scene, &leads, &imported()).await);
}
