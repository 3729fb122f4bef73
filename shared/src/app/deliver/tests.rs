mod access;
mod budgets;
mod days;
mod events;
mod fields;
mod give_up;
mod learning;
mod lost_answers;
mod opt_outs;
mod person;
mod rechecks;
mod redriven;
mod refusals;
mod releases;
mod slow;
mod stacks;
mod turns;

use jiff::SignedDuration;

use super::Message;
use crate::app::log::Log;
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::lead::{LeadState, Permission, RefusalReason, WaitReason};
use crate::domain::task::Task;
use crate::fakes::{Call, Fault, samples};
use crate::ports::{Clock as _, Customers as _};

fn waits(why: WaitReason) -> LeadState {
    LeadState::waiting(why)
}

fn invalid(message: &str) -> CrmError {
    CrmError::Invalid(Refusal::of("contacts.api.validation.error", message))
}

#[tokio::test]
async fn lead_is_delivered_once_with_a_single_call() {
    let scene = Scene::connected().await;
    let lead = scene
        .submit(&[("email", "ada@example.com"), ("first_name", "Ada")])
        .await;

    let to_redeliver = scene.drain().await;

    assert!(to_redeliver.is_empty());
    let LeadState::Delivered { permission, .. } = scene.state(&lead.lead).await else {
        panic!("it is not delivered")
    };
    assert_eq!(permission, Permission::Explicit);
    assert_eq!(scene.memory.crm.contacts(ACCOUNT).len(), 1);
    assert_eq!(scene.memory.crm.calls().len(), 1);
}

#[tokio::test]
async fn a_redelivered_message_makes_no_second_call() {
    let scene = Scene::connected().await;
    scene.submit(&[("email", "ada@example.com")]).await;
    let messages = scene.messages();

    scene.drain_messages(messages.clone()).await;
    let to_redeliver = scene.drain_messages(messages).await;

    assert!(to_redeliver.is_empty());
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}

#[tokio::test]
async fn two_leads_with_the_same_address_are_merged_into_one_call() {
    let scene = Scene::connected().await;
    let first = scene
        .submit(&[("email", "ada@example.com"), ("company_name", "Engines")])
        .await;
    let second = scene
        .submit(&[("email", "ADA@example.com"), ("first_name", "Ada")])
        .await;

    scene.drain().await;

    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
    for lead in [&first.lead, &second.lead] {
        assert_eq!(scene.state(lead).await.as_str(), "delivered");
    }
    let contact = scene.memory.crm.contacts(ACCOUNT).pop().unwrap().contact;
    assert_eq!(
        (&*contact.company_name, &*contact.first_name),
        ("Engines", "Ada")
    );
}

#[tokio::test]
async fn unreadable_messages_are_handed_back_and_the_rest_is_delivered() {
    let scene = Scene::connected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await;
    let mut messages = scene.messages();
    messages.insert(
        0,
        Message {
            id: "poison".into(),
            body: Some("{".into()),
        },
    );
    messages.insert(
        1,
        Message {
            id: "empty".into(),
            body: None,
        },
    );

    let to_redeliver = scene.drain_messages(messages).await;

    assert_eq!(to_redeliver, ["poison", "empty"]);
    assert_eq!(scene.state(&lead.lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn lead_waits_until_the_customer_connects_and_is_then_delivered() {
    let scene = Scene::unconnected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await;

    scene.drain().await;

    assert_eq!(
        scene.state(&lead.lead).await,
        waits(WaitReason::NotConnected)
    );
    scene.connect().await;
    scene.mark_lane().await;
    assert_eq!(scene.memory.release().await.unwrap().waited, 1);
    scene.drain().await;
    assert_eq!(scene.state(&lead.lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn lead_missing_from_the_ledger_is_recorded_from_its_message_and_delivered() {
    let scene = Scene::connected().await;
    let submit = || scene.submit_with_key("k", &[("email", "ada@example.com")]);
    let steps = scene.memory.faults.steps();
    // Intake looks up the earlier lead of the key, claims the key, sends, records.
    scene.memory.faults.at(steps + 4, Fault::FailBefore);
    let lead = submit().await.unwrap();
    assert!(scene.memory.ledger.all().is_empty());

    scene.drain().await;

    assert_eq!(scene.state(&lead.lead).await.as_str(), "delivered");
    let retry = submit().await.unwrap();
    assert_eq!((&retry.lead, retry.status), (&lead.lead, lead.status));
}

#[tokio::test]
async fn throttled_call_is_retried_after_a_pause_in_the_same_drain() {
    let scene = Scene::connected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await;
    scene.memory.crm.fail_next(CrmError::THROTTLED);
    let before = scene.memory.clock.now();

    let to_redeliver = scene.drain().await;

    assert!(to_redeliver.is_empty());
    assert_eq!(scene.state(&lead.lead).await.as_str(), "delivered");
    assert_eq!(scene.memory.crm.count(Call::SignUp), 2);
    let waited = scene.memory.clock.now().duration_since(before);
    let (least, most) = (SignedDuration::from_secs(1), SignedDuration::from_secs(3));
    assert!(waited >= least && waited < most, "{waited}");
}

#[tokio::test]
async fn long_retry_after_stops_all_calls_and_leads_go_out_later() {
    let scene = Scene::connected().await;
    let retry_after = SignedDuration::from_mins(10);
    let lead = scene.submit(&[("email", "ada@example.com")]).await;
    scene
        .memory
        .crm
        .fail_next(CrmError::Throttled { retry_after });
    let started = scene.memory.clock.now();

    scene.drain().await;
    scene.submit(&[("email", "bob@example.com")]).await;
    scene.drain().await;

    assert_eq!(scene.state(&lead.lead).await.as_str(), "waiting");
    assert_eq!(scene.memory.crm.calls().len(), 1);
    scene
        .memory
        .clock
        .advance_to(started + retry_after + retry_after);
    assert_eq!(scene.memory.release().await.unwrap().waited, 2);
    scene.drain().await;
    assert_eq!(scene.state(&lead.lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn an_optional_field_that_is_refused_is_left_out_and_noted() {
    let scene = Scene::connected().await;
    let lead = scene
        .submit(&[
            ("email", "ada@example.com"),
            ("phone_number", "+1 555 0100"),
        ])
        .await;
    scene
        .memory
        .crm
        .fail_next(invalid("phone_number is not valid"));

    scene.drain().await;

    let LeadState::Delivered { notes, .. } = scene.state(&lead.lead).await else {
        panic!("not delivered")
    };
    assert_eq!(notes[0].field, "phone_number");
    let crm = &scene.memory.crm;
    assert_eq!(crm.count(Call::SignUp), 2);
    let contact = crm.contacts(ACCOUNT).pop().unwrap().contact;
    assert_eq!(contact.phone_number, "");
}

#[tokio::test]
async fn answer_without_a_contact_id_still_counts_as_delivered_and_logs_a_warning() {
    let scene = Scene::connected().await;
    scene.memory.crm.omit_contact_ids(ACCOUNT);
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    let log = Log::begin();

    scene.drain().await;

    let state = scene.state(&lead).await;
    assert!(
        matches!(state, LeadState::Delivered { contact: None, .. }),
        "{state:?}"
    );
    let log = log.text();
    assert!(log.contains("the answer to a delivery names no contact"));
}

#[tokio::test]
async fn failed_call_refuses_the_lead_or_makes_it_wait_depending_on_the_error() {
    for (error, expected) in [
        (invalid("email_address is not valid"), "refused"),
        (invalid("first_name is not valid"), "refused"),
        (invalid("list_memberships: no such list"), "refused"),
        (CrmError::NotFound(Refusal::default()), "waiting"),
        (CrmError::BadRequest(415), "waiting"),
        (CrmError::Unavailable, "waiting"),
        (CrmError::AnswerLost, "waiting"),
    ] {
        let scene = Scene::connected().await;
        let lead = scene.submit(&[("email", "ada@example.com")]).await;
        scene.memory.crm.fail_next(error.clone());

        let to_redeliver = scene.drain().await;

        assert_eq!(scene.state(&lead.lead).await.as_str(), expected, "{error}");
        assert!(to_redeliver.is_empty());
    }
}

#[tokio::test]
async fn lead_with_a_consent_older_than_the_opt_out_is_refused() {
    let scene = Scene::connected().await;
    let email = "ada@example.com";
    scene.submit(&[("email", email)]).await;
    scene.drain().await;
    let back_dated = [
        ("email", email),
        ("first_name", "Ada"),
        ("consent_given_at", "2026-11-20T09:00:00Z"),
    ];
    scene.memory.crm.opt_out(ACCOUNT, &email.parse().unwrap());
    scene.memory.clock.advance(SignedDuration::from_mins(1));

    let lead = scene.submit(&back_dated).await;
    scene.drain().await;

    let state = scene.state(&lead.lead).await;
    assert_eq!(
        state,
        LeadState::refused(RefusalReason::OptedOutAfterConsent)
    );
}

#[tokio::test]
async fn person_who_opted_out_and_signs_up_again_is_delivered() {
    let scene = Scene::connected().await;
    let email = "ada@example.com";
    scene.submit(&[("email", email)]).await;
    scene.drain().await;
    scene.memory.crm.opt_out(ACCOUNT, &email.parse().unwrap());
    scene.memory.clock.advance(SignedDuration::from_mins(1));

    let lead = scene
        .submit(&[("email", email), ("first_name", "Ada")])
        .await;
    scene.drain().await;

    assert_eq!(scene.state(&lead.lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn lead_of_a_deleted_customer_is_refused_and_not_sent() {
    let scene = Scene::connected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await;
    scene
        .memory
        .directory
        .delete_customer(&scene.customer)
        .await
        .unwrap();

    scene.drain().await;

    let state = scene.state(&lead.lead).await;
    assert_eq!(state, LeadState::refused(RefusalReason::CustomerDeleted));
    assert_eq!(scene.memory.crm.count(Call::SignUp), 0);
}

#[tokio::test]
async fn lead_whose_consent_was_altered_after_sealing_is_refused_and_not_sent() {
    let scene = Scene::connected().await;
    scene.submit(&[("email", "ada@example.com")]).await;
    let Some(Task::Accepted { mut lead }) = scene.memory.queue.receive(1).pop() else {
        panic!("no task")
    };
    lead.id = "lead_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
    lead.consent.statement = "Anybody may mail me.".into();
    let id = lead.id.clone();

    scene
        .drain_messages(samples::messages(&[Task::Accepted { lead }]))
        .await;

    let state = scene.state(&id).await;
    assert_eq!(state, LeadState::refused(RefusalReason::SealBroken));
    assert_eq!(scene.memory.crm.count(Call::SignUp), 0);
}
