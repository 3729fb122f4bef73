//! What a late lead may still change, and what it means when an address is called invalid.

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

/// A lead whose first call met trouble.
async fn troubled(scene: &Scene, fields: &[(&str, &str)]) -> LeadId {
    let lead = submit(scene, fields).await;
    scene.memory.crm.answer_next(CrmError::Unavailable);
    scene.drain().await;
    assert_eq!(scene.state(&lead).await, upstream());
    scene.memory.clock.advance(SignedDuration::from_secs(11));
    lead
}

async fn released_after(scene: &Scene, pause: SignedDuration) {
    scene.memory.clock.advance(pause);
    assert_eq!(scene.memory.release().await.unwrap().waited, 1);
    scene.drain().await;
}

fn upstream() -> LeadState {
    LeadState::waits(WaitReason::Upstream)
}

#[tokio::test]
async fn a_late_lead_adds_what_a_newer_one_did_not_say_and_overwrites_nothing() {
    let mut scene = Scene::connected().await;
    let form = scene.form.clone();
    let own = scene.memory.crm.add_list(ACCOUNT, "Events");
    scene.form.id = "frm_01ARZ3NDEKTSV4RRFFQ69G5FAW".parse().unwrap();
    scene.form.lists = vec![own.clone()];
    scene.memory.directory.put_form(&scene.form).await.unwrap();
    let older = [("first_name", "Augusta"), ("company_name", "Engines")];
    let older = troubled(&scene, &older).await;
    scene.form = form;
    submit(&scene, &[("first_name", "Ada")]).await;
    scene.drain().await;

    released_after(&scene, SignedDuration::from_mins(1)).await;

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
    let older = troubled(&scene, &[("first_name", "Augusta")]).await;
    let newer = submit(&scene, &[("first_name", "Ada")]).await;
    let (ledger, now) = (&scene.memory.ledger, scene.memory.clock.now());
    let until = now + SignedDuration::from_mins(5);
    ledger
        .claim(&scene.customer, &newer, "a drain", until, now)
        .await
        .unwrap();

    released_after(&scene, SignedDuration::from_mins(1)).await;

    assert_eq!(scene.state(&older).await, upstream());
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}

#[tokio::test]
async fn a_typo_that_the_queue_brings_after_its_correction_overwrites_nothing() {
    let scene = Scene::connected().await;
    let clock = &scene.memory.clock;
    submit(&scene, &[("first_name", "Aad")]).await;
    clock.advance(SignedDuration::from_secs(20));
    submit(&scene, &[("first_name", "Ada")]).await;
    let messages = scene.messages();
    clock.advance(SignedDuration::from_secs(15));

    scene.drain_these(messages[1..].to_vec()).await;
    scene.drain_these(messages[..1].to_vec()).await;

    let contact = scene.memory.crm.contacts(ACCOUNT).pop().unwrap();
    assert_eq!(contact.contact.first_name, "Ada");
    assert_eq!(scene.memory.crm.count(Call::SignUp), 2);
}

#[tokio::test]
async fn a_newer_lead_is_known_for_one_though_its_key_was_claimed_a_day_before() {
    let scene = Scene::connected().await;
    let older = troubled(&scene, &[("first_name", "Augusta")]).await;
    let record = scene.memory.ledger.lead(&scene.customer, &older).await;
    let mut newer = record.unwrap().unwrap().lead;
    let now = scene.memory.clock.now();
    let claimed = now - SignedDuration::from_mins(24 * 60 + 30);
    newer.id = LeadId::at(claimed, 1);
    (newer.received_at, newer.consent.given_at) = (now, now);
    newer.contact.first_name = "Ada".into();
    let lead = Box::new(newer.sealed(&scene.memory.keys()));
    scene
        .drain_these(messages(&[Task::Accepted { lead }]))
        .await;

    released_after(&scene, SignedDuration::from_mins(1)).await;

    assert_eq!(scene.state(&older).await.as_str(), "delivered");
    let contact = scene.memory.crm.contacts(ACCOUNT).pop().unwrap();
    assert_eq!(contact.contact.first_name, "Ada");
    assert_eq!(scene.memory.crm.count(Call::SignUp), 3);
}

#[tokio::test]
async fn an_address_that_was_taken_lately_and_is_called_invalid_is_tried_once_more_after_two_days()
{
    for lets_go in [true, false] {
        let scene = Scene::connected().await;
        let (clock, crm) = (&scene.memory.clock, &scene.memory.crm);
        submit(&scene, &[]).await;
        scene.drain().await;
        clock.advance(SignedDuration::from_mins(5));
        let lead = submit(&scene, &[("first_name", "Ada")]).await;
        crm.hold_back(ACCOUNT, &ADA.parse().unwrap(), true);

        scene.drain().await;

        assert_eq!(scene.state(&lead).await, upstream());
        clock.advance(SignedDuration::from_hours(48));
        assert_eq!(scene.memory.release().await.unwrap().waited, 0);
        crm.hold_back(ACCOUNT, &ADA.parse().unwrap(), !lets_go);
        released_after(&scene, SignedDuration::from_hours(2)).await;
        let why = RefusalReason::InvalidAddress;
        match scene.state(&lead).await {
            LeadState::Delivered { .. } => assert!(lets_go),
            LeadState::Refused { why: said, .. } => assert!(!lets_go && said == why),
            state => panic!("{state:?}"),
        }
        assert_eq!(crm.count(Call::SignUp), 3);
    }
}

#[tokio::test]
async fn an_address_that_met_conflicts_and_is_called_invalid_then_is_tried_once_more_after_two_days()
 {
    for lets_go in [true, false] {
        let scene = Scene::connected().await;
        let crm = &scene.memory.crm;
        let lead = submit(&scene, &[]).await;
        let conflicts = || {
            for _ in 0..2 {
                crm.answer_next(CrmError::Conflict(Refusal::default()));
            }
        };
        conflicts();
        scene.drain().await;
        conflicts();
        released_after(&scene, SignedDuration::from_mins(1)).await;
        crm.hold_back(ACCOUNT, &ADA.parse().unwrap(), true);

        released_after(&scene, SignedDuration::from_mins(2)).await;

        assert_eq!(scene.state(&lead).await, upstream());
        crm.hold_back(ACCOUNT, &ADA.parse().unwrap(), !lets_go);
        released_after(&scene, SignedDuration::from_hours(50)).await;
        let expected = if lets_go { "delivered" } else { "refused" };
        assert_eq!(scene.state(&lead).await.as_str(), expected);
    }
}

#[tokio::test]
async fn of_an_address_with_more_leads_than_anybody_has_not_all_are_looked_for() {
    for (robots, held_back) in [(198, true), (200, false)] {
        let scene = Scene::connected().await;
        let crm = &scene.memory.crm;
        submit(&scene, &[]).await;
        scene.drain().await;
        let known = scene.memory.ledger.all().pop().unwrap().lead;
        for number in 0..robots {
            let mut lead = known.clone();
            lead.id = LeadId::new(number);
            let aside =
                scene
                    .memory
                    .ledger
                    .set_aside(&lead, QuarantineReason::Honeypot, Timestamp::MAX);
            aside.await.unwrap();
        }
        scene.memory.clock.advance(SignedDuration::from_mins(5));
        let lead = submit(&scene, &[("first_name", "Ada")]).await;
        crm.hold_back(ACCOUNT, &ADA.parse().unwrap(), true);

        scene.drain().await;

        assert_eq!(
            scene.state(&lead).await == upstream(),
            held_back,
            "{robots}"
        );
    }
}
