//! Submissions that come again after their lead was erased.

use futures_util::future::join_all;
use jiff::SignedDuration;

use crate::app::admin::Properties;
use crate::app::intake::{Accepted, IntakeError, MAX_STEPS};
use crate::app::scene::{Scene, arrival};
use crate::domain::captcha::{Captcha, CaptchaProvider, OnFailure};
use crate::domain::ids::LeadId;
use crate::domain::lead::{LeadState, RefusalReason};
use crate::domain::screening::Rates;
use crate::domain::task::Task;
use crate::fakes::{Call, Fault, samples};
use crate::ports::{Clock as _, Forms as _};

const ADA: &[(&str, &str)] = &[("email", "ada@example.com")];

impl Scene {
    /// Erases Ada, a moment after her last submission.
    async fn erase_ada(&self) {
        self.memory.clock.advance(SignedDuration::from_millis(1));
        let ada = Properties::parse(br#"{"email":"ada@example.com"}"#).unwrap();
        let erased = self.memory.admin().erase_person(&self.customer, ada).await;
        assert_eq!(erased.unwrap(), 1);
        self.memory.clock.advance(SignedDuration::from_millis(1));
    }

    /// Submits with a key, delivers, and erases; returns the erased lead.
    async fn submit_and_erase(&self, key: &str) -> LeadId {
        let lead = self.submit_with_key(key, ADA).await.unwrap().lead;
        self.drain().await;
        self.erase_ada().await;
        lead
    }

    /// Checks that an accepted lead is not the erased one, and is delivered once.
    async fn assert_delivered_once(&self, accepted: &Accepted, erased: &LeadId) {
        assert_eq!((accepted.status, accepted.is_duplicate), ("queued", false));
        assert_ne!(accepted.lead, *erased);
        let before = self.memory.crm.count(Call::SignUp);
        while !self.memory.queue.sent().is_empty() {
            self.drain().await;
        }
        assert_eq!(self.state(&accepted.lead).await.as_str(), "delivered");
        assert_eq!(self.state(erased).await, LeadState::Erased);
        assert_eq!(self.memory.crm.count(Call::SignUp), before + 1);
        assert_eq!(self.memory.ledger.all().len(), 2);
    }
}

#[tokio::test]
async fn key_of_an_erased_lead_can_be_claimed_again_for_a_day() {
    for pause in [0, 2] {
        let scene = Scene::connected().await;
        let erased = scene.submit_and_erase("k").await;
        scene
            .memory
            .clock
            .advance(SignedDuration::from_hours(pause));

        let resubmitted = scene.submit_with_key("k", ADA).await.unwrap();
        scene.memory.clock.advance(SignedDuration::from_hours(23));
        let again = scene.submit_with_key("k", ADA).await.unwrap();

        assert_eq!((&again.lead, again.is_duplicate), (&resubmitted.lead, true));
        scene.assert_delivered_once(&resubmitted, &erased).await;
    }
}

#[tokio::test]
async fn key_of_an_erased_lead_can_be_reused_with_other_content() {
    let scene = Scene::connected().await;
    let erased = scene.submit_and_erase("k").await;
    let fields = [ADA[0], ("first_name", "Augusta")];

    let resubmitted = scene.submit_with_key("k", &fields).await.unwrap();
    let original_content = scene.submit_with_key("k", ADA).await;

    let is_reused = matches!(original_content, Err(IntakeError::KeyReused));
    assert!(is_reused, "{original_content:?}");
    scene.assert_delivered_once(&resubmitted, &erased).await;
}

#[tokio::test]
async fn concurrent_requests_with_the_key_of_an_erased_lead_accept_only_one() {
    let scene = Scene::connected().await;
    let erased = scene.submit_and_erase("k").await;

    let results = join_all((0..10).map(|_| scene.submit_with_key("k", ADA))).await;

    let waits = |result: &&Result<Accepted, _>| matches!(result, Err(IntakeError::InFlight { wait }) if (1..=31).contains(wait));
    assert_eq!(results.iter().filter(waits).count(), 9);
    let accepted = results.iter().find_map(|result| result.as_ref().ok());
    scene
        .assert_delivered_once(accepted.unwrap(), &erased)
        .await;
}

#[tokio::test]
async fn resubmission_without_a_key_after_erasure_creates_exactly_one_new_lead() {
    let scene = Scene::connected().await;
    let erased = scene.submit(ADA).await.lead;
    scene.drain().await;
    scene.erase_ada().await;

    let resubmitted = scene.submit(ADA).await;
    let again = scene.submit(ADA).await;

    assert_eq!(again.lead, resubmitted.lead);
    scene.assert_delivered_once(&resubmitted, &erased).await;
}

/// Recording is the last step for a submission without a key.
#[tokio::test]
async fn lead_that_only_its_message_has_is_not_delivered_after_its_person_is_erased() {
    let scene = Scene::connected().await;
    let faults = &scene.memory.faults;
    let before = faults.steps();
    scene.submit(&[("email", "eve@example.com")]).await;
    let steps = faults.steps() - before;
    scene.drain().await;
    faults.at(faults.steps() + steps, Fault::FailBefore);
    scene.submit(ADA).await;
    assert_eq!(scene.memory.ledger.all().len(), 1, "the lead is in no row");
    let messages = scene.messages();

    scene.memory.clock.advance(SignedDuration::from_millis(1));
    let ada = Properties::parse(br#"{"email":"ada@example.com"}"#).unwrap();
    let erased = scene
        .memory
        .admin()
        .erase_person(&scene.customer, ada)
        .await;
    assert_eq!(erased.unwrap(), 0);
    scene.drain_messages(messages).await;

    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
    assert_eq!(scene.memory.ledger.all().len(), 1);
}

/// Recording is the last step for a submission without a key.
#[tokio::test]
async fn lead_submitted_after_erasure_is_delivered_if_only_its_message_was_kept() {
    for (drained, reversed) in [(true, false), (false, false), (false, true)] {
        let scene = Scene::connected().await;
        let faults = &scene.memory.faults;
        let before = faults.steps();
        let erased = scene.submit(ADA).await.lead;
        let steps = faults.steps() - before;
        if drained {
            scene.drain().await;
        }
        scene.erase_ada().await;
        scene.memory.clock.advance(SignedDuration::from_secs(1));
        faults.at(faults.steps() + steps, Fault::FailBefore);

        let accepted = scene.submit(ADA).await;

        assert_eq!((accepted.status, &accepted.lead), ("queued", &erased));
        assert_eq!(scene.memory.ledger.all().len(), 1);
        let mut messages = scene.messages();
        if reversed {
            messages.reverse();
        }
        for _ in 0..2 {
            scene.drain_messages(messages.clone()).await;
            let mut others = scene.memory.ledger.all();
            others.retain(|record| record.lead.id != erased);
            let states: Vec<_> = others.iter().map(|record| record.state.as_str()).collect();
            assert_eq!(states, ["delivered"]);
            assert_eq!(scene.state(&erased).await, LeadState::Erased);
            let sign_ups = scene.memory.crm.count(Call::SignUp);
            assert_eq!(sign_ups, 1 + usize::from(drained));
        }
    }
}

#[tokio::test]
async fn broken_seal_stays_broken_when_the_lead_gets_another_id() {
    let scene = Scene::connected().await;
    let erased = scene.submit(ADA).await.lead;
    let mut lead = scene
        .memory
        .ledger
        .peek(&scene.customer, &erased)
        .unwrap()
        .lead;
    scene.drain().await;
    scene.erase_ada().await;
    lead.received_at = scene.memory.clock.now();
    let task = Task::Accepted {
        lead: Box::new(lead),
    };

    scene.drain_messages(samples::messages(&[task])).await;

    let why = RefusalReason::SealBroken;
    let refused = LeadState::Refused { why, detail: None };
    let all = scene.memory.ledger.all();
    assert!(all.iter().any(|record| record.state == refused), "{all:?}");
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}

#[tokio::test]
async fn honeypot_lead_resubmitted_after_erasure_is_quarantined_as_a_new_lead() {
    let scene = Scene::connected().await;
    let robot = [ADA[0], ("contact_website", "x")];
    let erased = scene.submit(&robot).await.lead;
    scene.erase_ada().await;

    let resubmitted = scene.submit(&robot).await.lead;

    assert_ne!(resubmitted, erased);
    assert_eq!(scene.state(&resubmitted).await.as_str(), "quarantined");
    assert_eq!(scene.state(&erased).await, LeadState::Erased);
}

/// Intake looks for a lead of the hour before, claims, reads the erased lead, claims again.
#[tokio::test]
async fn failing_to_reclaim_the_key_of_an_erased_lead_asks_the_sender_to_retry() {
    for fault in [Fault::FailBefore, Fault::FailAfter] {
        let scene = Scene::connected().await;
        let erased = scene.submit_and_erase("k").await;
        let reclaim_step = scene.memory.faults.steps() + 4;
        scene.memory.faults.at(reclaim_step, fault);

        let result = scene.submit_with_key("k", ADA).await;
        assert!(
            matches!(result, Err(IntakeError::Unavailable)),
            "{result:?}"
        );
        scene.memory.clock.advance(SignedDuration::from_secs(35));
        let next = scene.submit_with_key("k", ADA).await.unwrap();

        scene.assert_delivered_once(&next, &erased).await;
    }
}

impl Scene {
    async fn with_a_captcha_and_tight_limits() -> Self {
        let mut scene = Self::connected().await;
        scene.form.screening.captcha = Some(Captcha {
            provider: CaptchaProvider::Turnstile,
            site_key: "site".into(),
            on_failure: OnFailure::Refuse,
        });
        scene.form.screening.rates = Rates {
            per_minute: 10,
            per_origin: 10,
            per_day: 1,
            per_address: 10,
        };
        scene.memory.directory.put_form(&scene.form).await.unwrap();
        scene
    }

    async fn submit_captcha(&self, answer: &str) -> Result<Accepted, IntakeError> {
        let mut arrival = arrival("k", &[ADA[0], ("cf-turnstile-response", answer)]);
        arrival.origin.ip = Some("192.0.2.7".into());
        let intake = self.memory.intake();
        let form = intake.form(self.form.id.as_str()).await?;
        intake.take(&form, arrival).await
    }
}

#[tokio::test]
async fn captcha_failed_after_erasure_can_be_retried_with_the_same_key() {
    let mut scene = Scene::with_a_captcha_and_tight_limits().await;
    scene.form.screening.rates = Rates::default();
    scene.memory.directory.put_form(&scene.form).await.unwrap();
    scene.memory.captcha.solve("good");
    scene.memory.captcha.solve("better");
    let erased = scene.submit_captcha("good").await.unwrap().lead;
    scene.drain().await;
    scene.erase_ada().await;

    let failed = scene.submit_captcha("wrong").await;
    let corrected = scene.submit_captcha("better").await.unwrap();

    assert!(
        matches!(failed, Err(IntakeError::Rejected(_))),
        "{failed:?}"
    );
    scene.assert_delivered_once(&corrected, &erased).await;
}

/// A submission with a key takes the most steps; of these, two counters of the minute, and of the day, are added to at
/// the same time.
#[tokio::test]
async fn reclaiming_a_key_takes_the_documented_maximum_of_steps() {
    let scene = Scene::with_a_captcha_and_tight_limits().await;
    scene.memory.captcha.solve("good");
    scene.memory.captcha.solve("better");
    scene.submit_captcha("good").await.unwrap();
    scene.erase_ada().await;
    let before = scene.memory.faults.steps();

    let quarantined = scene.submit_captcha("better").await.unwrap().lead;

    let steps = scene.memory.faults.steps() - before;
    assert_eq!(scene.state(&quarantined).await.as_str(), "quarantined");
    assert_eq!(steps - 2, u64::from(MAX_STEPS));
}
