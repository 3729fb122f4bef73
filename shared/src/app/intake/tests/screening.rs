use jiff::SignedDuration;

use crate::app::admin::Properties;
use crate::app::intake::{Accepted, Arrival, Channel, IntakeError};
use crate::app::scene::Scene;
use crate::domain::captcha::{Captcha, CaptchaProvider, OnFailure};
use crate::domain::contact::NoteKind;
use crate::domain::customer::Customer;
use crate::domain::ids::LeadId;
use crate::domain::lead::{LeadState, QuarantineReason};
use crate::domain::screening::TIME_FIELD;
use crate::fakes::{Call, Fault, samples};
use crate::ports::{Clock as _, Customers as _, Forms as _};

const EMAIL: (&str, &str) = ("email", "ada@example.com");
const CONSENT: (&str, &str) = ("consent", "yes");
const ANSWER: &str = "cf-turnstile-response";

impl Scene {
    async fn submit_via(
        &self,
        channel: Channel,
        more: &[(&str, &str)],
    ) -> Result<Accepted, IntakeError> {
        let fields = [EMAIL, CONSENT].into_iter().chain(more.iter().copied());
        let arrival = Arrival {
            channel,
            ..samples::arrival(fields)
        };
        self.memory.intake().take(&self.form, arrival).await
    }

    async fn with_captcha(on_failure: OnFailure) -> Self {
        let mut scene = Self::connected().await;
        scene.form.screening.captcha = Some(Captcha {
            provider: CaptchaProvider::Turnstile,
            site_key: "site".into(),
            on_failure,
        });
        scene.memory.directory.put_form(&scene.form).await.unwrap();
        scene
    }
}

fn quarantined(why: QuarantineReason) -> LeadState {
    LeadState::Quarantined { why }
}

#[tokio::test]
async fn robot_gets_the_same_answer_as_a_person_and_its_lead_is_quarantined() {
    let scene = Scene::connected().await;

    let person = scene.submit_via(Channel::Form, &[]).await.unwrap();
    scene.memory.clock.advance(SignedDuration::from_mins(2));
    let robot = scene
        .submit_via(Channel::Form, &[("contact_website", "x")])
        .await
        .unwrap();
    let again = scene
        .submit_via(Channel::Form, &[("contact_website", "x")])
        .await
        .unwrap();

    assert_eq!(robot.status, person.status);
    assert_eq!((&again.lead, again.status), (&robot.lead, person.status));
    assert_eq!(
        scene.state(&robot.lead).await,
        quarantined(QuarantineReason::Honeypot)
    );
    assert_eq!(scene.memory.queue.sent().len(), 1);
}

#[tokio::test]
async fn quarantined_lead_expires_with_the_customers_retention_or_in_90_days_unless_released() {
    let scene = Scene::connected().await;
    let directory = &scene.memory.directory;
    let customer = directory.customer(&scene.customer).await.unwrap();
    let customer = Customer {
        retention_days: 30,
        ..customer.unwrap()
    };
    directory.put_customer(&customer).await.unwrap();
    let (now, day) = (scene.memory.clock.now(), SignedDuration::from_hours(24));
    let expires_at = |lead: &LeadId| scene.memory.ledger.kept_until(&scene.customer, lead);

    let robot = scene
        .submit_via(Channel::Form, &[("contact_website", "x")])
        .await;
    let robot = robot.unwrap().lead;
    assert_eq!(expires_at(&robot), Some(now + day * 30));
    scene.memory.admin().release_lead(&robot).await.unwrap();
    assert_eq!(expires_at(&robot), None);

    scene.memory.clock.advance(SignedDuration::from_mins(2));
    // The first step agrees on an id, the second reads the customer.
    let customer_read_step = scene.memory.faults.steps() + 2;
    scene
        .memory
        .faults
        .at(customer_read_step, Fault::FailBefore);
    let other = scene
        .submit_via(Channel::Form, &[("contact_website", "y")])
        .await;
    let later = now + SignedDuration::from_mins(2) + day * 90;
    assert_eq!(expires_at(&other.unwrap().lead), Some(later));
}

#[tokio::test]
async fn quarantined_lead_stays_until_released_and_is_then_delivered_once() {
    let scene = Scene::connected().await;
    let lead = scene
        .submit_via(Channel::Form, &[("contact_website", "x")])
        .await
        .unwrap()
        .lead;
    scene.memory.clock.advance(SignedDuration::from_hours(24));
    scene.memory.release().await.unwrap();
    scene.drain().await;
    assert_eq!(
        scene.state(&lead).await,
        quarantined(QuarantineReason::Honeypot)
    );

    let admin = scene.memory.admin();
    let released = admin.release_lead(&lead).await.unwrap();
    scene.memory.clock.advance(SignedDuration::from_millis(1));
    let again = admin.release_lead(&lead).await;
    scene.drain().await;

    assert_eq!(released.state, LeadState::Queued);
    assert!(again.is_err());
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}

#[tokio::test]
async fn release_whose_answer_was_lost_can_be_repeated() {
    let scene = Scene::connected().await;
    let robot = scene
        .submit_via(Channel::Form, &[("contact_website", "x")])
        .await;
    let (admin, lead) = (scene.memory.admin(), robot.unwrap().lead);
    // Finds the lead's owner, reads it, releases it.
    let release_step = scene.memory.faults.steps() + 3;
    scene.memory.faults.at(release_step, Fault::FailAfter);
    assert!(admin.release_lead(&lead).await.is_err());

    let released = admin.release_lead(&lead).await.unwrap();
    scene.drain().await;

    assert_eq!(released.state, LeadState::Queued);
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn released_lead_that_the_queue_did_not_accept_is_sent_by_the_scheduler() {
    let scene = Scene::connected().await;
    let lead = scene
        .submit_via(Channel::Form, &[("contact_website", "x")])
        .await
        .unwrap()
        .lead;
    // Finds the lead's owner, reads it, releases it, sends it.
    scene
        .memory
        .faults
        .at(scene.memory.faults.steps() + 4, Fault::FailBefore);
    scene.memory.admin().release_lead(&lead).await.unwrap();
    assert!(scene.memory.queue.sent().is_empty());

    scene.memory.clock.advance(SignedDuration::from_mins(2));
    scene.memory.release().await.unwrap();
    scene.drain().await;

    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn replay_that_fails_midway_still_delivers_the_leads_already_released() {
    let scene = Scene::connected().await;
    let mut leads = Vec::new();
    for value in ["x", "y"] {
        let robot = scene
            .submit_via(Channel::Form, &[("contact_website", value)])
            .await;
        leads.push(robot.unwrap().lead);
        scene.memory.clock.advance(SignedDuration::from_mins(2));
    }
    let body = serde_json::json!({"status": "quarantined", "lead_ids": leads});
    let request = Properties::parse(body.to_string().as_bytes()).unwrap();
    let admin = scene.memory.admin();
    // Reads the customer, the connection and both leads, and releases the first.
    let second_release_step = scene.memory.faults.steps() + 6;
    scene
        .memory
        .faults
        .at(second_release_step, Fault::FailBefore);

    let result = admin.replay(&scene.customer, request).await;
    scene.drain().await;

    assert!(result.is_err());
    assert_eq!(scene.state(&leads[0]).await.as_str(), "delivered");
    assert_eq!(
        scene.state(&leads[1]).await,
        quarantined(QuarantineReason::Honeypot)
    );
}

#[tokio::test]
async fn form_sent_too_fast_is_quarantined_and_one_left_open_for_a_day_gets_a_note() {
    let scene = Scene::connected().await;
    let stamp = scene.memory.intake().stamp(&scene.form);
    let fields = [(TIME_FIELD, stamp.as_str())];

    let robot = scene.submit_via(Channel::Form, &fields).await.unwrap();
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    let late = scene.submit_via(Channel::Form, &fields).await.unwrap();

    assert_eq!(
        scene.state(&robot.lead).await,
        quarantined(QuarantineReason::TooFast)
    );
    assert_eq!(scene.state(&late.lead).await, LeadState::Queued);
    let notes = scene.memory.ledger.all().pop().unwrap().lead.notes;
    assert_eq!(notes.last().unwrap().what, NoteKind::StaleForm);
}

#[tokio::test]
async fn signed_webhook_is_not_screened() {
    let scene = Scene::with_captcha(OnFailure::Refuse).await;

    let lead = scene
        .submit_via(Channel::Webhook, &[("contact_website", "x")])
        .await
        .unwrap()
        .lead;

    assert_eq!(scene.state(&lead).await, LeadState::Queued);
}

#[tokio::test]
async fn missing_or_wrong_captcha_is_refused_or_quarantined_as_the_form_says() {
    for on_failure in [OnFailure::Refuse, OnFailure::Quarantine] {
        let scene = Scene::with_captcha(on_failure).await;
        for answer in ["", "wrong"] {
            let result = scene
                .submit_via(Channel::Form, &[(ANSWER, answer), ("city", answer)])
                .await;
            match (on_failure, result) {
                (OnFailure::Refuse, Err(IntakeError::Rejected(rejection))) => {
                    let error = &rejection.errors[0];
                    assert_eq!(error.code, "captcha_failed");
                    assert_eq!(error.message.contains("allow scripts"), answer.is_empty());
                    assert!(scene.memory.ledger.all().is_empty());
                }
                (OnFailure::Quarantine, Ok(accepted)) => {
                    assert_eq!(
                        scene.state(&accepted.lead).await,
                        quarantined(QuarantineReason::Captcha)
                    );
                }
                (_, result) => panic!("{on_failure:?} {answer}: {result:?}"),
            }
        }

        scene.memory.captcha.solve("good");
        let passed = scene
            .submit_via(Channel::Form, &[(ANSWER, "good")])
            .await
            .unwrap();
        assert_eq!(scene.state(&passed.lead).await, LeadState::Queued);
    }
}

#[tokio::test]
async fn failed_captcha_leaves_the_idempotency_key_free_for_the_next_try() {
    let scene = Scene::with_captcha(OnFailure::Refuse).await;
    scene.memory.captcha.solve("good");
    let submit = async |city, answer| {
        let fields = [EMAIL, CONSENT, ("city", city), (ANSWER, answer)];
        let arrival = Arrival {
            key: Some("k".parse().unwrap()),
            ..samples::arrival(fields)
        };
        scene.memory.intake().take(&scene.form, arrival).await
    };

    let failed = submit("Londn", "wrong").await;
    let corrected = submit("London", "good").await.unwrap();
    let again = submit("London", "good").await.unwrap();

    assert!(
        matches!(failed, Err(IntakeError::Rejected(_))),
        "{failed:?}"
    );
    assert_eq!(scene.state(&corrected.lead).await, LeadState::Queued);
    assert_eq!((again.lead, again.is_duplicate), (corrected.lead, true));
}

#[tokio::test]
async fn a_double_click_on_a_form_with_a_captcha_is_one_lead() {
    let scene = Scene::with_captcha(OnFailure::Refuse).await;
    scene.memory.captcha.solve("good");

    let first = scene
        .submit_via(Channel::Form, &[(ANSWER, "good")])
        .await
        .unwrap();
    let second = scene
        .submit_via(Channel::Form, &[(ANSWER, "good")])
        .await
        .unwrap();

    assert_eq!(first.lead, second.lead);
}

#[tokio::test]
async fn simultaneous_double_click_with_a_captcha_does_not_fail() {
    let scene = Scene::with_captcha(OnFailure::Refuse).await;
    scene.memory.captcha.solve("good");
    let click = || scene.submit_via(Channel::Form, &[(ANSWER, "good")]);

    let (first, second) = tokio::join!(click(), click());

    assert_eq!(first.unwrap().lead, second.unwrap().lead);
}

#[tokio::test]
async fn double_click_whose_used_captcha_was_recorded_first_leaves_quarantine() {
    // A drain that comes before the release finds the lead set aside and drops its message.
    for drain_was_faster in [false, true] {
        let scene = Scene::with_captcha(OnFailure::Quarantine).await;
        let second = scene
            .submit_via(Channel::Form, &[(ANSWER, "used")])
            .await
            .unwrap();

        scene.memory.captcha.solve("good");
        let first = scene
            .submit_via(Channel::Form, &[(ANSWER, "good")])
            .await
            .unwrap();
        if drain_was_faster {
            assert_eq!(scene.memory.queue.receive(10).len(), 1);
        }

        assert_eq!((&first.lead, first.status), (&second.lead, second.status));
        scene.memory.clock.advance(SignedDuration::from_mins(2));
        scene.memory.release().await.unwrap();
        scene.drain().await;
        assert_eq!(scene.state(&first.lead).await.as_str(), "delivered");
        assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
    }
}

#[tokio::test]
async fn captcha_provider_outage_quarantines_leads_and_loses_none() {
    let scene = Scene::with_captcha(OnFailure::Refuse).await;
    // The first step agrees on an id, the second is the check.
    scene
        .memory
        .faults
        .at(scene.memory.faults.steps() + 2, Fault::FailBefore);

    let lead = scene
        .submit_via(Channel::Form, &[(ANSWER, "good")])
        .await
        .unwrap()
        .lead;

    assert_eq!(
        scene.state(&lead).await,
        quarantined(QuarantineReason::Captcha)
    );
    scene.memory.admin().release_lead(&lead).await.unwrap();
    scene.drain().await;
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn quarantined_lead_that_cannot_be_stored_is_not_accepted() {
    let scene = Scene::connected().await;
    // After an id is agreed on and the customer is read.
    scene
        .memory
        .faults
        .at(scene.memory.faults.steps() + 3, Fault::FailBefore);

    let result = scene
        .submit_via(Channel::Form, &[("contact_website", "x")])
        .await;

    assert!(
        matches!(result, Err(IntakeError::Unavailable)),
        "{result:?}"
    );
}
