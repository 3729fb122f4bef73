mod days;
mod erased;
mod keys;
mod rates;
mod screening;

use futures_util::future::join;
use jiff::SignedDuration;

use super::{Channel, IntakeError};
use crate::app::scene::Scene;
use crate::fakes::{Call, Fault, samples};
use crate::ports::Forms as _;

const ADA: &[(&str, &str)] = &[("email", "ada@example.com")];

#[tokio::test]
async fn an_accepted_lead_is_in_the_queue_and_in_the_ledger() {
    let scene = Scene::connected().await;

    let accepted = scene.submit(ADA).await;

    assert_eq!(accepted.status, "queued");
    assert_eq!(scene.memory.ledger.all().len(), 1);
    assert_eq!(scene.memory.queue.sent().len(), 1);
}

#[tokio::test]
async fn a_double_click_is_one_lead() {
    let scene = Scene::connected().await;

    let (first, second) = join(scene.submit(ADA), scene.submit(ADA)).await;
    let other = scene
        .submit(&[("email", "ada@example.com"), ("first_name", "Ada")])
        .await;

    assert_eq!(first.lead, second.lead);
    assert_ne!(first.lead, other.lead);
    assert_eq!(scene.memory.ledger.all().len(), 2);
}

#[tokio::test]
async fn resubmission_within_14_s_is_the_same_lead_and_after_a_minute_a_new_one() {
    for second in 0..60 {
        let scene = Scene::connected().await;
        let clock = &scene.memory.clock;
        clock.advance(SignedDuration::from_secs(second));
        let first = scene.submit(ADA).await;
        clock.advance(SignedDuration::from_secs(14));
        let resubmitted = scene.submit(ADA).await;
        clock.advance(SignedDuration::from_secs(61));
        let later = scene.submit(ADA).await;

        assert_eq!(first.lead, resubmitted.lead, "submitted at second {second}");
        assert_ne!(first.lead, later.lead, "submitted at second {second}");
        assert_eq!(scene.memory.ledger.all().len(), 2);
    }
}

/// The second submission can see the first only by the claim on their content.
#[tokio::test]
async fn resubmission_is_one_lead_even_if_the_first_was_sent_but_not_recorded() {
    let scene = Scene::connected().await;
    let (clock, faults) = (&scene.memory.clock, &scene.memory.faults);
    clock.advance(SignedDuration::from_millis(59_900));
    faults.at(faults.steps() + 2, Fault::CrashAfter);
    assert!(faults.until_crash(scene.submit(ADA)).await.is_none());
    assert_eq!(scene.memory.queue.sent().len(), 1);
    assert!(scene.memory.ledger.all().is_empty());

    clock.advance(SignedDuration::from_millis(200));
    let second = scene.submit(ADA).await;
    scene.drain().await;

    assert_eq!(scene.memory.ledger.all().len(), 1);
    assert_eq!(scene.state(&second.lead).await.as_str(), "delivered");
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}

/// Intake agrees on an id, sends, records; one of the last two fails.
#[tokio::test]
async fn accepted_lead_is_delivered_even_if_the_queue_or_the_ledger_fails() {
    for (step, fault) in [
        (2, Fault::FailBefore),
        (2, Fault::FailAfter),
        (3, Fault::FailBefore),
        (3, Fault::FailAfter),
    ] {
        let scene = Scene::connected().await;
        scene
            .memory
            .faults
            .at(scene.memory.faults.steps() + step, fault);

        let lead = scene.submit(ADA).await.lead;

        scene.memory.clock.advance(SignedDuration::from_mins(2));
        scene.memory.release().await.unwrap();
        scene.drain().await;
        scene.drain().await;
        assert_eq!(
            scene.state(&lead).await.as_str(),
            "delivered",
            "{step} {fault:?}"
        );
        assert_eq!(scene.memory.crm.count(Call::SignUp), 1, "{step} {fault:?}");
    }
}

#[tokio::test]
async fn lead_is_not_accepted_if_both_queue_and_ledger_fail() {
    let scene = Scene::connected().await;
    let steps = scene.memory.faults.steps();
    scene.memory.faults.at(steps + 2, Fault::FailBefore);
    scene.memory.faults.at(steps + 3, Fault::FailBefore);
    let arrival = samples::arrival([("email", "ada@example.com"), ("consent", "yes")]);

    let result = scene.memory.intake().take(&scene.form, arrival).await;

    assert!(matches!(result, Err(IntakeError::Unavailable)));
}

#[tokio::test]
async fn submission_without_consent_is_rejected_and_not_stored() {
    let scene = Scene::connected().await;
    let arrival = samples::arrival(ADA.iter().copied());

    let result = scene.memory.intake().take(&scene.form, arrival).await;

    let Err(IntakeError::Rejected(rejection)) = result else {
        panic!("{result:?}")
    };
    assert_eq!(rejection.errors[0].code, "consent_required");
    assert!(scene.memory.ledger.all().is_empty());
    assert!(scene.memory.queue.sent().is_empty());
}

#[tokio::test]
async fn unknown_and_closed_forms_give_different_errors() {
    let scene = Scene::connected().await;
    let intake = scene.memory.intake();
    let closed = crate::domain::form::Form {
        open: false,
        ..scene.form.clone()
    };
    scene.memory.directory.put_form(&closed).await.unwrap();

    let form = intake.form(scene.form.id.as_str()).await.unwrap();
    for channel in [Channel::Form, Channel::Webhook] {
        let accepted = channel.accepted_by(&form);
        assert!(matches!(accepted, Err(IntakeError::ClosedForm)));
    }
    for unknown in ["", "frm_", "frm_01ARZ3NDEKTSV4RRFFQ69G5FAA", "../etc"] {
        assert!(
            matches!(intake.form(unknown).await, Err(IntakeError::UnknownForm)),
            "{unknown}"
        );
    }
}
