//! Requests to an account that serve several imports of its customer.

use std::mem::swap;
use std::ops::Range;

use jiff::SignedDuration;

use super::deleted::create_and_delete_contact;
use super::trouble::run_without_a_moment;
use super::{
    add_waiting_lead, all_are, backlog, imported, run, run_next, template, waiting_for_quota,
};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::crm::CrmError;
use crate::domain::form::Form;
use crate::domain::ids::LeadId;
use crate::domain::lead::Lead;
use crate::fakes::Call;
use crate::ports::{Clock as _, Forms as _};

/// Adds leads like the template that wait for the budget.
async fn add_waiting_leads(scene: &Scene, template: &Lead, numbers: Range<usize>) -> Vec<LeadId> {
    let mut leads = Vec::new();
    for number in numbers {
        leads.push(add_waiting_lead(scene, template, number).await);
    }
    scene.mark_lane().await;
    leads
}

/// A lead of a form that has a list of its own.
async fn template_of_other_form(scene: &Scene) -> Lead {
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
async fn deleted_contacts_are_fetched_once_for_imports_with_older_and_newer_consents() {
    for older_first in [true, false] {
        let (scene, _) = backlog(0).await;
        let [mut older_template, mut newer_template] =
            [template(&scene).await, template_of_other_form(&scene).await];
        if !older_first {
            swap(&mut older_template, &mut newer_template);
        }
        create_and_delete_contact(&scene, "lead7@example.com").await;
        newer_template.consent.given_at = scene.memory.clock.now();
        let older = add_waiting_leads(&scene, &older_template, 0..100).await;
        let newer = add_waiting_leads(&scene, &newer_template, 100..200).await;

        run(&scene).await;
        run_next(&scene).await;

        let crm = &scene.memory.crm;
        let mut imports = crm.imports(ACCOUNT);
        imports.sort_unstable();
        assert_eq!(imports, [99, 100], "{older_first}");
        assert_eq!(crm.count(Call::Deleted), 1, "{older_first}");
        assert!(all_are(&scene, &newer, &imported()).await);
        assert_eq!(scene.state(&older[7]).await, waiting_for_quota());
    }
}

#[tokio::test]
async fn too_many_deletions_since_an_old_consent_do_not_block_imports_of_newer_ones() {
    let (scene, _) = backlog(0).await;
    let [older, mut newer] = [template(&scene).await, template_of_other_form(&scene).await];
    let (crm, clock) = (&scene.memory.crm, &scene.memory.clock);
    clock.advance(SignedDuration::from_secs(1));
    for n in 0..10_001 {
        let email = format!("gone{n}@example.com").parse().unwrap();
        crm.opt_out(ACCOUNT, &email);
        crm.delete_contact(ACCOUNT, &email);
    }
    clock.advance(SignedDuration::from_secs(1));
    newer.consent.given_at = clock.now();
    let older = add_waiting_leads(&scene, &older, 0..100).await;
    let newer = add_waiting_leads(&scene, &newer, 100..200).await;

    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert!(all_are(&scene, &older, &waiting_for_quota()).await);
    assert!(all_are(&scene, &newer, &imported()).await);
}

#[tokio::test]
async fn deleted_contacts_are_fetched_again_for_an_import_of_a_later_run() {
    let (scene, _) = backlog(200).await;
    let bulk = scene.memory.bulk();
    let run = async || {
        let clock = &scene.memory.clock;
        clock.advance(SignedDuration::from_mins(1));
        let deadline = clock.now() + SignedDuration::from_secs(35);
        bulk.run(deadline).await.1.unwrap();
    };
    run().await;
    let template = template(&scene).await;
    let later = add_waiting_leads(&scene, &template, 200..400).await;
    create_and_delete_contact(&scene, "lead207@example.com").await;

    run().await;

    let crm = &scene.memory.crm;
    assert_eq!(crm.imports(ACCOUNT), [200, 199]);
    assert_eq!(crm.count(Call::Deleted), 2);
    assert_eq!(scene.state(&later[7]).await, waiting_for_quota());
}

/// An import that ended after the list was checked needs a check of its own.
#[tokio::test]
async fn list_check_covers_only_imports_that_ended_before_it() {
    let (scene, first) = backlog(200).await;
    let crm = &scene.memory.crm;
    run(&scene).await;
    let template = template(&scene).await;
    let second = add_waiting_leads(&scene, &template, 200..400).await;
    crm.fail_next_call(Call::List, CrmError::Unavailable);
    run_next(&scene).await;
    assert_eq!(crm.imports(ACCOUNT), [200, 200]);
    assert_eq!(crm.count(Call::List), 1);

    run_next(&scene).await;

    assert!(all_are(&scene, &first, &imported()).await);
    assert!(all_are(&scene, &second, &imported()).await);
    assert_eq!(crm.count(Call::List), 3);
}

#[tokio::test]
async fn unreadable_lead_is_taken_out_of_its_import_and_the_others_are_imported() {
    for after_the_call in [false, true] {
        let (scene, leads) = backlog(200).await;
        let crm = &scene.memory.crm;
        if after_the_call {
            run(&scene).await;
        } else {
            run_without_a_moment(&scene, 1).await;
            scene.occupy_budget_for(SignedDuration::ZERO);
        }
        scene
            .memory
            .ledger
            .make_unreadable(&scene.customer, &leads[7]);

        for _ in 0..3 {
            run_next(&scene).await;
        }

        let rows = if after_the_call { 200 } else { 199 };
        assert_eq!(crm.imports(ACCOUNT), [rows]);
        let unreadable = scene.memory.ledger.peek(&scene.customer, &leads[7]);
        assert_eq!(unreadable.unwrap().state, waiting_for_quota());
        let rest = [&leads[..7], &leads[8..]].concat();
        assert!(all_are(&scene, &rest, &imported()).await);
    }
}
