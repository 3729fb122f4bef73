//! Nobody who has opted out since they consented is subscribed again.

use jiff::SignedDuration;

use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::ids::LeadId;
use crate::domain::lead::{LeadState, OptOutCheck, RefusalReason};
use crate::fakes::{Call, Fault};
use crate::ports::Clock as _;

/// A few days before the scene's noon.
const EARLIER: &str = "2026-11-20T09:00:00Z";

async fn submit_with_old_consent(scene: &Scene, email: &str) -> LeadId {
    let fields = [("email", email), ("consent_given_at", EARLIER)];
    scene.submit(&fields).await.lead
}

fn opt_out(scene: &Scene, email: &str) {
    scene.memory.crm.opt_out(ACCOUNT, &email.parse().unwrap());
}

async fn opt_out_check(scene: &Scene, lead: &LeadId) -> OptOutCheck {
    match scene.state(lead).await {
        LeadState::Delivered { opt_out_check, .. } => opt_out_check,
        other => panic!("not delivered: {other:?}"),
    }
}

fn refused() -> LeadState {
    LeadState::refused(RefusalReason::OptedOutAfterConsent)
}

#[tokio::test]
async fn several_old_consents_are_checked_against_one_list_of_opt_outs() {
    let scene = Scene::connected().await;
    let mut leads = Vec::new();
    for i in 0..5 {
        leads.push(submit_with_old_consent(&scene, &format!("{i}@example.com")).await);
    }
    opt_out(&scene, "3@example.com");

    scene.drain().await;

    let crm = &scene.memory.crm;
    let counts = [Call::OptOuts, Call::Find, Call::SignUp].map(|call| crm.count(call));
    assert_eq!(counts, [1, 0, 4]);
    for (i, lead) in leads.iter().enumerate() {
        if i == 3 {
            assert_eq!(scene.state(lead).await, refused());
        } else {
            assert_eq!(opt_out_check(&scene, lead).await, OptOutCheck::Clear);
        }
    }
}

#[tokio::test]
async fn list_of_opt_outs_longer_than_a_page_falls_back_to_look_ups() {
    let scene = Scene::connected().await;
    let kept = submit_with_old_consent(&scene, "ada@example.com").await;
    let opted_out = submit_with_old_consent(&scene, "bob@example.com").await;
    for i in 0..500 {
        opt_out(&scene, &format!("{i}@example.com"));
    }
    opt_out(&scene, "bob@example.com");

    scene.drain().await;

    let crm = &scene.memory.crm;
    let counts = [Call::OptOuts, Call::Find, Call::SignUp].map(|call| crm.count(call));
    assert_eq!(counts, [1, 2, 1]);
    assert_eq!(opt_out_check(&scene, &kept).await, OptOutCheck::Clear);
    assert_eq!(scene.state(&opted_out).await, refused());
}

#[tokio::test]
async fn refused_request_for_opt_outs_falls_back_to_look_ups() {
    let scene = Scene::connected().await;
    let kept = submit_with_old_consent(&scene, "ada@example.com").await;
    let opted_out = submit_with_old_consent(&scene, "bob@example.com").await;
    opt_out(&scene, "bob@example.com");
    let refusal = CrmError::Invalid(Refusal::default());
    scene.memory.crm.fail_next(refusal);

    scene.drain().await;

    let crm = &scene.memory.crm;
    let counts = [Call::OptOuts, Call::Find, Call::SignUp].map(|call| crm.count(call));
    assert_eq!(counts, [1, 2, 1]);
    assert_eq!(opt_out_check(&scene, &kept).await, OptOutCheck::Clear);
    assert_eq!(scene.state(&opted_out).await, refused());
}

#[tokio::test]
async fn person_who_opted_out_before_consenting_again_is_delivered_as_came_back() {
    let scene = Scene::connected().await;
    opt_out(&scene, "ada@example.com");
    let left_at = scene.memory.clock.now();
    scene.memory.clock.advance(SignedDuration::from_hours(1));
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    scene.memory.clock.advance(SignedDuration::from_hours(1));

    scene.drain().await;

    assert_eq!(
        opt_out_check(&scene, &lead).await,
        OptOutCheck::CameBack { left_at }
    );
}

/// Signs a person up; the account deletes the contact an hour later.
async fn sign_up_and_delete(scene: &Scene, email: &str) {
    scene.submit(&[("email", email)]).await;
    scene.drain().await;
    scene.memory.clock.advance(SignedDuration::from_hours(1));
    let email = email.parse().unwrap();
    scene.memory.crm.delete_contact(ACCOUNT, &email);
    scene.memory.clock.advance(SignedDuration::from_hours(1));
}

#[tokio::test]
async fn older_consent_does_not_restore_a_deleted_contact() {
    for others in [&[][..], &["bob@example.com", "eve@example.com"]] {
        let scene = Scene::connected().await;
        sign_up_and_delete(&scene, "ada@example.com").await;
        for other in others {
            submit_with_old_consent(&scene, other).await;
        }
        let lead = submit_with_old_consent(&scene, "ada@example.com").await;

        scene.drain().await;

        let crm = &scene.memory.crm;
        assert_eq!(crm.count(Call::OptOuts), others.len().min(1));
        assert_eq!(scene.state(&lead).await, refused());
        let contact = crm.contact(ACCOUNT, &"ada@example.com".parse().unwrap());
        assert!(contact.unwrap().deleted_at.is_some());
    }
}

#[tokio::test]
async fn newer_consent_restores_a_deleted_contact() {
    for delay in [SignedDuration::ZERO, SignedDuration::from_hours(1)] {
        let scene = Scene::connected().await;
        sign_up_and_delete(&scene, "ada@example.com").await;
        let lead = scene.sign_up("ada@example.com").await;
        scene.memory.clock.advance(delay);

        scene.drain().await;

        let check = opt_out_check(&scene, &lead).await;
        let looked_up = matches!(check, OptOutCheck::CameBack { .. });
        assert_eq!(looked_up, !delay.is_zero(), "{check:?}");
        let crm = &scene.memory.crm;
        let contact = crm.contact(ACCOUNT, &"ada@example.com".parse().unwrap());
        assert_eq!(contact.unwrap().deleted_at, None);
    }
}

#[tokio::test]
async fn fresh_consent_is_delivered_without_an_opt_out_check() {
    let scene = Scene::connected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;

    scene.drain().await;

    assert_eq!(opt_out_check(&scene, &lead).await, OptOutCheck::NotNeeded);
    assert_eq!(scene.memory.crm.calls().len(), 1);
}

#[tokio::test]
async fn token_refused_while_listing_opt_outs_is_refreshed_once_for_the_batch() {
    let scene = Scene::connected().await;
    let leads = [
        submit_with_old_consent(&scene, "ada@example.com").await,
        submit_with_old_consent(&scene, "bob@example.com").await,
        scene.submit(&[("email", "eve@example.com")]).await.lead,
    ];
    scene.memory.crm.expire_access(ACCOUNT);

    scene.drain().await;

    for lead in &leads {
        assert_eq!(scene.state(lead).await.as_str(), "delivered");
    }
    let crm = &scene.memory.crm;
    let counts = [Call::Refresh, Call::OptOuts, Call::SignUp].map(|call| crm.count(call));
    assert_eq!(counts, [1, 2, 3]);
}

#[tokio::test]
async fn failed_list_of_opt_outs_holds_back_old_consents_but_not_fresh_ones() {
    let scene = Scene::connected().await;
    let old = submit_with_old_consent(&scene, "ada@example.com").await;
    submit_with_old_consent(&scene, "bob@example.com").await;
    let fresh = scene.submit(&[("email", "eve@example.com")]).await.lead;
    scene.memory.crm.fail_next(CrmError::Unavailable);

    scene.drain().await;

    assert_eq!(scene.state(&old).await.as_str(), "waiting");
    assert_eq!(scene.state(&fresh).await.as_str(), "delivered");
}

#[tokio::test]
async fn fresh_lead_is_checked_for_opt_outs_if_a_drain_crashed_after_its_call() {
    let mut crashes_after_the_call = 0;
    for step in 1..30 {
        let scene = Scene::connected().await;
        let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
        let messages = scene.messages();
        let faults = &scene.memory.faults;
        faults.at(faults.steps() + step, Fault::CrashAfter);
        let done = faults
            .until_crash(scene.drain_messages(messages.clone()))
            .await;
        if done.is_some() {
            break;
        }
        let settled = scene.state(&lead).await.as_str() == "delivered";
        if settled || scene.memory.crm.count(Call::SignUp) == 0 {
            continue;
        }
        crashes_after_the_call += 1;
        scene.memory.clock.advance(SignedDuration::from_mins(2));
        opt_out(&scene, "ada@example.com");

        scene.drain_messages(messages).await;

        assert_eq!(scene.state(&lead).await, refused());
    }
    assert!(crashes_after_the_call > 0);
}
