//! What a late lead may still change, and what it means if an address is called invalid.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::ids::LeadId;
use crate::domain::lead::{LeadState, QuarantineReason, RefusalReason, WaitReason};
use crate::domain::task::Task;
use crate::fakes::Call;
use crate::fakes::samples::messages;
use crate::ports::{Claims as _, Clock as _, Forms as _, Ledger as _};

const ADA: &str = "ada@example.com";

async fn submit(scene: &Scene, fields: &[(&str, &str)]) -> LeadId {
    let fields = [&[("email", ADA)][..], fields].concat();
    scene.submit(&fields).await.lead
}

/// Submits a lead whose first call fails.
async fn submit_failing(scene: &Scene, fields: &[(&str, &str)]) -> LeadId {
    let lead = submit(scene, fields).await;
    scene.memory.crm.fail_next(CrmError::Unavailable);
    scene.drain().await;
    assert_eq!(scene.state(&lead).await, upstream());
    scene.memory.clock.advance(SignedDuration::from_secs(11));
    lead
}

async fn release_after(scene: &Scene, pause: SignedDuration) {
    scene.memory.clock.advance(pause);
    assert_eq!(scene.memory.release().await.unwrap().waited, 1);
    scene.drain().await;
}

fn upstream() -> LeadState {
    LeadState::waiting(WaitReason::Upstream)
}

#[tokio::test]
async fn late_lead_adds_only_values_and_lists_missing_from_a_newer_one() {
    let mut scene = Scene::connected().await;
    let form = scene.form.clone();
    let own = scene.memory.crm.add_list(ACCOUNT, "Events");
    scene.form.id = "frm_01ARZ3NDEKTSV4RRFFQ69G5FAW".parse().unwrap();
    scene.form.lists = vec![own.clone()];
    scene.memory.directory.put_form(&scene.form).await.unwrap();
    let older = [("first_name", "Augusta"), ("company_name", "Engines")];
    let older = submit_failing(&scene, &older).await;
    scene.form = form;
    submit(&scene, &[("first_name", "Ada")]).await;
    scene.drain().await;

    release_after(&scene, SignedDuration::from_mins(1)).await;

    assert_eq!(scene.state(&older).await.as_str(), "delivered");
    let contact = scene.memory.crm.contacts(ACCOUNT).pop().unwrap();
    assert_eq!(contact.contact.first_name, "Ada");
    assert_eq!(contact.contact.company_name, "Engines");
    assert_eq!(contact.lists, BTreeSet::from([own, scene.list.clone()]));
    assert_eq!(scene.memory.crm.count(Call::SignUp), 3);
}

#[tokio::test]
async fn a_late_lead_waits_while_a_newer_one_is_being_sent() {
    let scene = Scene::connected().await;
    let older = submit_failing(&scene, &[("first_name", "Augusta")]).await;
    let newer = submit(&scene, &[("first_name", "Ada")]).await;
    let (ledger, now) = (&scene.memory.ledger, scene.memory.clock.now());
    let until = now + SignedDuration::from_mins(5);
    ledger
        .claim(&scene.customer, &newer, "a drain", until, now)
        .await
        .unwrap();

    release_after(&scene, SignedDuration::from_mins(1)).await;

    assert_eq!(scene.state(&older).await, upstream());
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}

#[tokio::test]
async fn lead_with_a_typo_received_after_its_correction_does_not_overwrite_it() {
    let scene = Scene::connected().await;
    let clock = &scene.memory.clock;
    submit(&scene, &[("first_name", "Aad")]).await;
    clock.advance(SignedDuration::from_secs(20));
    submit(&scene, &[("first_name", "Ada")]).await;
    let messages = scene.messages();
    clock.advance(SignedDuration::from_secs(15));

    scene.drain_messages(messages[1..].to_vec()).await;
    scene.drain_messages(messages[..1].to_vec()).await;

    let contact = scene.memory.crm.contacts(ACCOUNT).pop().unwrap();
    assert_eq!(contact.contact.first_name, "Ada");
    assert_eq!(scene.memory.crm.count(Call::SignUp), 2);
}

#[tokio::test]
async fn lead_counts_as_newer_even_if_its_key_was_claimed_a_day_earlier() {
    let scene = Scene::connected().await;
    let older = submit_failing(&scene, &[("first_name", "Augusta")]).await;
    let record = scene.memory.ledger.lead(&scene.customer, &older).await;
    let mut newer = record.unwrap().unwrap().lead;
    let now = scene.memory.clock.now();
    let claimed = now - SignedDuration::from_mins(24 * 60 + 30);
    newer.id = LeadId::at(claimed, 1);
    (newer.received_at, newer.consent.given_at) = (now, now);
    newer.contact.first_name = "Ada".into();
    let lead = Box::new(newer.sealed(&scene.memory.keys()));
    scene
        .drain_messages(messages(&[Task::Accepted { lead }]))
        .await;

    release_after(&scene, SignedDuration::from_mins(1)).await;

    assert_eq!(scene.state(&older).await.as_str(), "delivered");
    let contact = scene.memory.crm.contacts(ACCOUNT).pop().unwrap();
    assert_eq!(contact.contact.first_name, "Ada");
    assert_eq!(scene.memory.crm.count(Call::SignUp), 3);
}

#[tokio::test]
async fn recently_accepted_address_called_invalid_is_retried_once_after_two_days() {
    for hold_ends in [true, false] {
        let scene = Scene::connected().await;
        let (clock, crm) = (&scene.memory.clock, &scene.memory.crm);
        submit(&scene, &[]).await;
        scene.drain().await;
        clock.advance(SignedDuration::from_mins(5));
        let lead = submit(&scene, &[("first_name", "Ada")]).await;
        crm.flag_address(ACCOUNT, &ADA.parse().unwrap(), true);

        scene.drain().await;

        assert_eq!(scene.state(&lead).await, upstream());
        clock.advance(SignedDuration::from_hours(48));
        assert_eq!(scene.memory.release().await.unwrap().waited, 0);
        crm.flag_address(ACCOUNT, &ADA.parse().unwrap(), !hold_ends);
        release_after(&scene, SignedDuration::from_hours(2)).await;
        let why = RefusalReason::InvalidAddress;
        match scene.state(&lead).await {
            LeadState::Delivered { .. } => assert!(hold_ends),
            LeadState::Refused { why: refused, .. } => assert!(!hold_ends && refused == why),
            state => panic!("{state:?}"),
        }
        assert_eq!(crm.count(Call::SignUp), 3);
    }
}

#[tokio::test]
async fn address_called_invalid_after_conflicts_is_retried_once_after_two_days() {
    for hold_ends in [true, false] {
        let scene = Scene::connected().await;
        let crm = &scene.memory.crm;
        let lead = submit(&scene, &[]).await;
        let conflicts = || {
            for _ in 0..2 {
                crm.fail_next(CrmError::Conflict(Refusal::default()));
            }
        };
        conflicts();
        scene.drain().await;
        conflicts();
        release_after(&scene, SignedDuration::from_mins(1)).await;
        crm.flag_address(ACCOUNT, &ADA.parse().unwrap(), true);

        release_after(&scene, SignedDuration::from_mins(2)).await;

        assert_eq!(scene.state(&lead).await, upstream());
        crm.flag_address(ACCOUNT, &ADA.parse().unwrap(), !hold_ends);
        release_after(&scene, SignedDuration::from_hours(50)).await;
        let expected = if hold_ends { "delivered" } else { "refused" };
        assert_eq!(scene.state(&lead).await.as_str(), expected);
    }
}

#[tokio::test]
async fn at_most_200_leads_of_an_address_are_searched_for() {
    for (robots, held_back) in [(198, true), (200, false)] {
        let scene = Scene::connected().await;
        let crm = &scene.memory.crm;
        submit(&scene, &[]).await;
        scene.drain().await;
        let known = scene.memory.ledger.all().pop().unwrap().lead;
        for number in 0..robots {
            let mut lead = known.clone();
            lead.id = LeadId::new(number);
            let quarantined =
                scene
                    .memory
                    .ledger
                    .quarantine(&lead, QuarantineReason::Honeypot, Timestamp::MAX);
            quarantined.await.unwrap();
        }
        scene.memory.clock.advance(SignedDuration::from_mins(5));
        let lead = submit(&scene, &[("first_name", "Ada")]).await;
        crm.flag_address(ACCOUNT, &ADA.parse().unwrap(), true);

        scene.drain().await;

        assert_eq!(
            scene.state(&lead).await == upstream(),
            held_back,
            "{robots}"
        );
    }
}
