//! What an account is asked once for several imports of its customer.

use std::mem::swap;
use std::ops::Range;

use jiff::SignedDuration;

use super::deleted::made_and_deleted;
use super::trouble::run_in_vain;
use super::{all_are, back, backlog, imported, run, run_next, template, waiting};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::crm::CrmError;
use crate::domain::form::Form;
use crate::domain::ids::LeadId;
use crate::domain::lead::Lead;
use crate::fakes::Call;
use crate::ports::{Clock as _, Forms as _};

/// More leads like this one that wait.
async fn more(scene: &Scene, like: &Lead, numbers: Range<usize>) -> Vec<LeadId> {
    let mut leads = Vec::new();
    for number in numbers {
        leads.push(waiting(scene, like, number).await);
    }
    scene.mark_lane().await;
    leads
}

/// A lead of a form that has a list of its own.
async fn of_other_form(scene: &Scene) -> Lead {
    let form = Form {
        id: "frm_01ARZ3NDEKTSV4RRFFQ69G5FAW".parse().unwrap(),
        lists: vec![scene.memory.crm.add_list(ACCOUNT, "Events")],
        ..scene.form.clone()
    };
    scene.memory.directory.put_form(&form).await.unwrap();
    let lead = template(scene).await;
    let form = form.id;
    Lead { form, ..lead }
}

#[tokio::test]
async fn whom_the_account_deleted_is_asked_once_for_imports_of_newer_and_of_older_consents() {
    for older_first in [true, false] {
        let (scene, _) = backlog(0).await;
        let [mut one, mut other] = [template(&scene).await, of_other_form(&scene).await];
        if !older_first {
            swap(&mut one, &mut other);
        }
        made_and_deleted(&scene, "lead7@example.com").await;
        other.consent.given_at = scene.memory.clock.now();
        let older = more(&scene, &one, 0..100).await;
        let newer = more(&scene, &other, 100..200).await;

        run(&scene).await;
        run_next(&scene).await;

        let crm = &scene.memory.crm;
        let mut imports = crm.imports(ACCOUNT);
        imports.sort_unstable();
        assert_eq!(imports, [99, 100], "{older_first}");
        assert_eq!(crm.count(Call::Deleted), 1, "{older_first}");
        assert!(all_are(&scene, &newer, &imported()).await);
        assert_eq!(scene.state(&older[7]).await, back());
    }
}

#[tokio::test]
async fn too_many_deleted_contacts_since_an_old_consent_cost_no_import_of_newer_ones() {
    let (scene, _) = backlog(0).await;
    let [older, mut newer] = [template(&scene).await, of_other_form(&scene).await];
    let (crm, clock) = (&scene.memory.crm, &scene.memory.clock);
    clock.advance(SignedDuration::from_secs(1));
    for n in 0..10_001 {
        let email = format!("gone{n}@example.com").parse().unwrap();
        crm.opt_out(ACCOUNT, &email);
        crm.delete_contact(ACCOUNT, &email);
    }
    clock.advance(SignedDuration::from_secs(1));
    newer.consent.given_at = clock.now();
    let older = more(&scene, &older, 0..100).await;
    let newer = more(&scene, &newer, 100..200).await;

    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert!(all_are(&scene, &older, &back()).await);
    assert!(all_are(&scene, &newer, &imported()).await);
}

#[tokio::test]
async fn an_import_of_a_later_run_is_held_against_whom_the_account_has_deleted_by_then() {
    let (scene, _) = backlog(200).await;
    let bulk = scene.memory.bulk();
    let run = async || {
        let clock = &scene.memory.clock;
        clock.advance(SignedDuration::from_mins(1));
        let deadline = clock.now() + SignedDuration::from_secs(35);
        bulk.run(deadline).await.unwrap()
    };
    run().await;
    let like = template(&scene).await;
    let later = more(&scene, &like, 200..400).await;
    made_and_deleted(&scene, "lead207@example.com").await;

    run().await;

    let crm = &scene.memory.crm;
    assert_eq!(crm.imports(ACCOUNT), [200, 199]);
    assert_eq!(crm.count(Call::Deleted), 2);
    assert_eq!(scene.state(&later[7]).await, back());
}

/// Whether a list exists has to be seen after the end of each import that put people on it.
#[tokio::test]
async fn a_look_at_a_list_is_good_for_imports_that_had_ended_before_it_and_for_no_other() {
    let (scene, first) = backlog(200).await;
    let crm = &scene.memory.crm;
    run(&scene).await;
    let like = template(&scene).await;
    let second = more(&scene, &like, 200..400).await;
    crm.answer_next_to(Call::List, CrmError::Unavailable);
    run_next(&scene).await;
    assert_eq!(crm.imports(ACCOUNT), [200, 200]);
    assert_eq!(crm.count(Call::List), 1);

    run_next(&scene).await;

    assert!(all_are(&scene, &first, &imported()).await);
    assert!(all_are(&scene, &second, &imported()).await);
    assert_eq!(crm.count(Call::List), 3);
}

#[tokio::test]
async fn a_lead_that_nobody_can_read_leaves_its_import_and_keeps_no_other_there() {
    for after_the_call in [false, true] {
        let (scene, leads) = backlog(200).await;
        let crm = &scene.memory.crm;
        if after_the_call {
            run(&scene).await;
        } else {
            run_in_vain(&scene, 1).await;
            scene.call_for(SignedDuration::ZERO);
        }
        scene.memory.ledger.garble(&scene.customer, &leads[7]);

        for _ in 0..3 {
            run_next(&scene).await;
        }

        let rows = if after_the_call { 200 } else { 199 };
        assert_eq!(crm.imports(ACCOUNT), [rows]);
        let odd = scene.memory.ledger.look(&scene.customer, &leads[7]);
        assert_eq!(odd.unwrap().state, back());
        let rest = [&leads[..7], &leads[8..]].concat();
        assert!(all_are(&scene, &rest, &imported()).await);
    }
}
