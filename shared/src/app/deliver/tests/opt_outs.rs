//! Nobody who has left since they agreed is brought back.

use jiff::SignedDuration;

use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::ids::LeadId;
use crate::domain::lead::{LeadState, OptOutCheck, RefusalReason};
use crate::fakes::{Call, Fault};
use crate::ports::Clock as _;

/// A few days before the scene's noon.
const EARLIER: &str = "2026-11-20T09:00:00Z";

async fn submit_old(scene: &Scene, email: &str) -> LeadId {
    let fields = [("email", email), ("consent_given_at", EARLIER)];
    scene.submit(&fields).await.lead
}

fn leave(scene: &Scene, email: &str) {
    scene.memory.crm.opt_out(ACCOUNT, &email.parse().unwrap());
}

async fn check(scene: &Scene, lead: &LeadId) -> OptOutCheck {
    match scene.state(lead).await {
        LeadState::Delivered { opt_out_check, .. } => opt_out_check,
        other => panic!("not delivered: {other:?}"),
    }
}

fn refused() -> LeadState {
    LeadState::refused(RefusalReason::OptedOutAfterConsent)
}

#[tokio::test]
async fn several_old_consents_are_held_against_one_list() {
    let scene = Scene::connected().await;
    let mut leads = Vec::new();
    for i in 0..5 {
        leads.push(submit_old(&scene, &format!("{i}@example.com")).await);
    }
    leave(&scene, "3@example.com");

    scene.drain().await;

    let crm = &scene.memory.crm;
    let counts = [Call::OptOuts, Call::Find, Call::SignUp].map(|call| crm.count(call));
    assert_eq!(counts, [1, 0, 4]);
    for (i, lead) in leads.iter().enumerate() {
        if i == 3 {
            assert_eq!(scene.state(lead).await, refused());
        } else {
            assert_eq!(check(&scene, lead).await, OptOutCheck::Clear);
        }
    }
}

#[tokio::test]
async fn a_list_too_long_for_a_page_gives_way_to_look_ups() {
    let scene = Scene::connected().await;
    let kept = submit_old(&scene, "ada@example.com").await;
    let gone = submit_old(&scene, "bob@example.com").await;
    for i in 0..500 {
        leave(&scene, &format!("{i}@example.com"));
    }
    leave(&scene, "bob@example.com");

    scene.drain().await;

    let crm = &scene.memory.crm;
    let counts = [Call::OptOuts, Call::Find, Call::SignUp].map(|call| crm.count(call));
    assert_eq!(counts, [1, 2, 1]);
    assert_eq!(check(&scene, &kept).await, OptOutCheck::Clear);
    assert_eq!(scene.state(&gone).await, refused());
}

#[tokio::test]
async fn a_list_that_is_refused_gives_way_to_look_ups_and_refuses_nobody() {
    let scene = Scene::connected().await;
    let kept = submit_old(&scene, "ada@example.com").await;
    let gone = submit_old(&scene, "bob@example.com").await;
    leave(&scene, "bob@example.com");
    let refusal = CrmError::Invalid(Refusal::default());
    scene.memory.crm.answer_next(refusal);

    scene.drain().await;

    assert_eq!(check(&scene, &kept).await, OptOutCheck::Clear);
    assert_eq!(scene.state(&gone).await, refused());
}

#[tokio::test]
async fn a_person_who_left_before_they_agreed_anew_is_delivered_and_it_is_written_down() {
    let scene = Scene::connected().await;
    leave(&scene, "ada@example.com");
    let left_at = scene.memory.clock.now();
    scene.memory.clock.advance(SignedDuration::from_hours(1));
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    scene.memory.clock.advance(SignedDuration::from_hours(1));

    scene.drain().await;

    assert_eq!(
        check(&scene, &lead).await,
        OptOutCheck::CameBack { left_at }
    );
}

/// A person who was signed up, and whose contact the account deletes an hour later.
async fn delete(scene: &Scene, email: &str) {
    scene.submit(&[("email", email)]).await;
    scene.drain().await;
    scene.memory.clock.advance(SignedDuration::from_hours(1));
    let email = email.parse().unwrap();
    scene.memory.crm.delete_contact(ACCOUNT, &email);
    scene.memory.clock.advance(SignedDuration::from_hours(1));
}

#[tokio::test]
async fn nobody_whom_the_account_deleted_is_brought_back_by_an_older_word() {
    for others in [&[][..], &["bob@example.com", "eve@example.com"]] {
        let scene = Scene::connected().await;
        delete(&scene, "ada@example.com").await;
        for other in others {
            submit_old(&scene, other).await;
        }
        let lead = submit_old(&scene, "ada@example.com").await;

        scene.drain().await;

        let crm = &scene.memory.crm;
        assert_eq!(crm.count(Call::OptOuts), others.len().min(1));
        assert_eq!(scene.state(&lead).await, refused());
        let contact = crm.contact(ACCOUNT, &"ada@example.com".parse().unwrap());
        assert!(contact.unwrap().deleted_at.is_some());
    }
}

#[tokio::test]
async fn whom_the_account_deleted_comes_back_by_agreeing_anew() {
    for waits in [SignedDuration::ZERO, SignedDuration::from_hours(1)] {
        let scene = Scene::connected().await;
        delete(&scene, "ada@example.com").await;
        let lead = scene.sign_up("ada@example.com").await;
        scene.memory.clock.advance(waits);

        scene.drain().await;

        let checked = check(&scene, &lead).await;
        let looked = matches!(checked, OptOutCheck::CameBack { .. });
        assert_eq!(looked, !waits.is_zero(), "{checked:?}");
        let crm = &scene.memory.crm;
        let contact = crm.contact(ACCOUNT, &"ada@example.com".parse().unwrap());
        assert_eq!(contact.unwrap().deleted_at, None);
    }
}

#[tokio::test]
async fn a_fresh_consent_costs_no_look_up_and_says_so() {
    let scene = Scene::connected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;

    scene.drain().await;

    assert_eq!(check(&scene, &lead).await, OptOutCheck::NotNeeded);
    assert_eq!(scene.memory.crm.calls().len(), 1);
}

#[tokio::test]
async fn a_token_refused_at_the_look_up_is_refreshed_for_the_whole_batch() {
    let scene = Scene::connected().await;
    let leads = [
        submit_old(&scene, "ada@example.com").await,
        submit_old(&scene, "bob@example.com").await,
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
async fn without_a_list_the_old_wait_and_the_fresh_go_out() {
    let scene = Scene::connected().await;
    let old = submit_old(&scene, "ada@example.com").await;
    submit_old(&scene, "bob@example.com").await;
    let fresh = scene.submit(&[("email", "eve@example.com")]).await.lead;
    scene.memory.crm.answer_next(CrmError::Unavailable);

    scene.drain().await;

    assert_eq!(scene.state(&old).await.as_str(), "waiting");
    assert_eq!(scene.state(&fresh).await.as_str(), "delivered");
}

#[tokio::test]
async fn a_lead_whose_drain_died_over_its_call_is_looked_up_however_fresh() {
    let mut died_after_the_call = 0;
    for step in 1..30 {
        let scene = Scene::connected().await;
        let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
        let messages = scene.messages();
        let faults = &scene.memory.faults;
        faults.at(faults.steps() + step, Fault::CrashAfter);
        let done = faults
            .until_crash(scene.drain_these(messages.clone()))
            .await;
        if done.is_some() {
            break;
        }
        let settled = scene.state(&lead).await.as_str() == "delivered";
        if settled || scene.memory.crm.count(Call::SignUp) == 0 {
            continue;
        }
        died_after_the_call += 1;
        scene.memory.clock.advance(SignedDuration::from_mins(2));
        leave(&scene, "ada@example.com");

        scene.drain_these(messages).await;

        assert_eq!(scene.state(&lead).await, refused());
    }
    assert!(died_after_the_call > 0);
}
