//! What happens to a lead if it is unknown whether its call arrived.

use jiff::SignedDuration;

use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::crm::CrmError;
use crate::domain::ids::LeadId;
use crate::domain::lead::{DeliveryAction, LeadState, RefusalReason, WaitReason};
use crate::fakes::Call;
use crate::ports::{Claims as _, Clock as _, Settlement};

const ADA: &str = "ada@example.com";

async fn submit_with_lost_answer(scene: &Scene, fields: &[(&str, &str)]) -> LeadId {
    let lead = scene.submit(fields).await.lead;
    scene.memory.crm.fail_next(CrmError::AnswerLost);
    scene.drain().await;
    assert_eq!(scene.state(&lead).await, answer_lost());
    lead
}

fn answer_lost() -> LeadState {
    LeadState::waiting(WaitReason::AnswerLost)
}

async fn release_and_drain(scene: &Scene) {
    scene.memory.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(scene.memory.release().await.unwrap().waited, 1);
    scene.drain().await;
}

#[tokio::test]
async fn call_that_arrived_despite_a_lost_answer_is_found_and_not_repeated() {
    let scene = Scene::connected().await;
    let lead = submit_with_lost_answer(&scene, &[("email", ADA)]).await;

    release_and_drain(&scene).await;

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

/// Submits a lead whose call was lost before it arrived.
async fn submit_with_lost_call(scene: &Scene, fields: &[(&str, &str)]) -> LeadId {
    let lead = scene.submit(fields).await.lead;
    let (ledger, now) = (&scene.memory.ledger, scene.memory.clock.now());
    let until = now + SignedDuration::from_mins(1);
    ledger
        .claim(&scene.customer, &lead, "a drain", until, now)
        .await
        .unwrap();
    let settlement = Settlement {
        state: answer_lost(),
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
async fn call_that_did_not_arrive_is_repeated_even_if_another_lead_made_the_contact() {
    let scene = Scene::connected().await;
    scene
        .submit(&[("email", ADA), ("first_name", "Augusta")])
        .await;
    scene.drain().await;
    scene.memory.clock.advance(SignedDuration::from_secs(5));
    let lead = submit_with_lost_call(&scene, &[("email", ADA), ("first_name", "Ada")]).await;

    scene.drain().await;

    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
    let contact = scene.memory.crm.contact(ACCOUNT, &ADA.parse().unwrap());
    assert_eq!(contact.unwrap().contact.first_name, "Ada");
}

#[tokio::test]
async fn call_that_did_not_arrive_is_repeated() {
    let scene = Scene::connected().await;
    let lead = submit_with_lost_call(&scene, &[("email", ADA)]).await;

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
async fn retried_older_lead_does_not_overwrite_values_of_a_newer_one() {
    let scene = Scene::connected().await;
    submit_with_lost_answer(&scene, &[("email", ADA), ("first_name", "Augusta")]).await;
    scene.memory.clock.advance(SignedDuration::from_secs(11));
    scene.submit(&[("email", ADA), ("first_name", "Ada")]).await;
    scene.drain().await;

    release_and_drain(&scene).await;

    let contact = scene.memory.crm.contact(ACCOUNT, &ADA.parse().unwrap());
    assert_eq!(contact.unwrap().contact.first_name, "Ada");
    assert_eq!(scene.memory.crm.count(Call::SignUp), 2);
}

#[tokio::test]
async fn person_who_opted_out_after_a_call_with_lost_answer_is_not_resubscribed() {
    let scene = Scene::connected().await;
    let lead = submit_with_lost_answer(&scene, &[("email", ADA)]).await;
    scene.memory.clock.advance(SignedDuration::from_secs(5));
    scene.memory.crm.opt_out(ACCOUNT, &ADA.parse().unwrap());

    release_and_drain(&scene).await;

    let refused = LeadState::refused(RefusalReason::OptedOutAfterConsent);
    assert_eq!(scene.state(&lead).await, refused);
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}
