//! What becomes of a lead when nobody knows whether its call arrived.

use jiff::SignedDuration;

use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::crm::CrmError;
use crate::domain::ids::LeadId;
use crate::domain::lead::{DeliveryAction, LeadState, RefusalReason, WaitReason};
use crate::fakes::Call;
use crate::ports::{Claims as _, Clock as _, Settlement};

const ADA: &str = "ada@example.com";

async fn lost(scene: &Scene, fields: &[(&str, &str)]) -> LeadId {
    let lead = scene.submit(fields).await.lead;
    scene.memory.crm.answer_next(CrmError::AnswerLost);
    scene.drain().await;
    assert_eq!(scene.state(&lead).await, unknown());
    lead
}

fn unknown() -> LeadState {
    LeadState::waits(WaitReason::AnswerLost)
}

async fn taken_up_again(scene: &Scene) {
    scene.memory.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(scene.memory.release().await.unwrap().waited, 1);
    scene.drain().await;
}

#[tokio::test]
async fn a_call_that_arrived_is_found_and_not_made_again() {
    let scene = Scene::connected().await;
    let lead = lost(&scene, &[("email", ADA)]).await;

    taken_up_again(&scene).await;

    let LeadState::Delivered {
        action, contact, ..
    } = scene.state(&lead).await
    else {
        panic!("not delivered")
    };
    assert_eq!(action, DeliveryAction::Found);
    let known = scene.memory.crm.contact(ACCOUNT, &ADA.parse().unwrap());
    assert_eq!(contact, known.map(|known| known.id));
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}

/// A lead whose call was lost on its way there.
async fn lost_before(scene: &Scene, fields: &[(&str, &str)]) -> LeadId {
    let lead = scene.submit(fields).await.lead;
    let (ledger, now) = (&scene.memory.ledger, scene.memory.clock.now());
    let until = now + SignedDuration::from_mins(1);
    ledger
        .claim(&scene.customer, &lead, "a drain", until, now)
        .await
        .unwrap();
    let settlement = Settlement {
        state: unknown(),
        due_at: Some(now),
        at: now,
        expires_at: None,
    };
    assert!(
        ledger
            .settle(&scene.customer, &lead, "a drain", &settlement)
            .await
            .unwrap()
    );
    lead
}

#[tokio::test]
async fn a_call_that_did_not_arrive_is_made_again_though_another_has_changed_the_contact() {
    let scene = Scene::connected().await;
    scene
        .submit(&[("email", ADA), ("first_name", "Augusta")])
        .await;
    scene.drain().await;
    scene.memory.clock.advance(SignedDuration::from_secs(5));
    let lead = lost_before(&scene, &[("email", ADA), ("first_name", "Ada")]).await;

    scene.drain().await;

    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
    let contact = scene.memory.crm.contact(ACCOUNT, &ADA.parse().unwrap());
    assert_eq!(contact.unwrap().contact.first_name, "Ada");
}

#[tokio::test]
async fn a_call_that_did_not_arrive_is_made_again() {
    let scene = Scene::connected().await;
    let lead = lost_before(&scene, &[("email", ADA)]).await;

    scene.drain().await;

    let state = scene.state(&lead).await;
    let LeadState::Delivered { action, .. } = state else {
        panic!("not delivered: {state:?}")
    };
    assert_eq!(action, DeliveryAction::Created);
    let counts = [Call::Find, Call::SignUp].map(|call| scene.memory.crm.count(call));
    assert_eq!(counts, [1, 1]);
}

#[tokio::test]
async fn an_older_lead_does_not_overwrite_what_a_newer_one_said_meanwhile() {
    let scene = Scene::connected().await;
    lost(&scene, &[("email", ADA), ("first_name", "Augusta")]).await;
    scene.memory.clock.advance(SignedDuration::from_secs(11));
    scene.submit(&[("email", ADA), ("first_name", "Ada")]).await;
    scene.drain().await;

    taken_up_again(&scene).await;

    let contact = scene.memory.crm.contact(ACCOUNT, &ADA.parse().unwrap());
    assert_eq!(contact.unwrap().contact.first_name, "Ada");
    assert_eq!(scene.memory.crm.count(Call::SignUp), 2);
}

#[tokio::test]
async fn a_person_who_was_subscribed_by_the_lost_call_and_left_stays_away() {
    let scene = Scene::connected().await;
    let lead = lost(&scene, &[("email", ADA)]).await;
    scene.memory.clock.advance(SignedDuration::from_secs(5));
    scene.memory.crm.opt_out(ACCOUNT, &ADA.parse().unwrap());

    taken_up_again(&scene).await;

    let refused = LeadState::refused(RefusalReason::OptedOutAfterConsent);
    assert_eq!(scene.state(&lead).await, refused);
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}
