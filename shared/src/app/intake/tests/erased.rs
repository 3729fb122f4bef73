//! Submissions that come again after their lead was erased.

use futures_util::future::join_all;
use jiff::SignedDuration;

use crate::app::admin::Properties;
use crate::app::intake::{Accepted, IntakeError, MOST_STEPS};
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
    /// Erases Ada, a moment after what she sent last.
    async fn erase_ada(&self) {
        self.memory.clock.advance(SignedDuration::from_millis(1));
        let ada = Properties::parse(br#"{"email":"ada@example.com"}"#).unwrap();
        let erased = self.memory.admin().erase_person(&self.customer, ada).await;
        assert_eq!(erased.unwrap(), 1);
        self.memory.clock.advance(SignedDuration::from_millis(1));
    }

    /// The lead of a key, whose person was erased.
    async fn erased(&self, key: &str) -> LeadId {
        let lead = self.submit_as(key, ADA).await.unwrap().lead;
        self.drain().await;
        self.erase_ada().await;
        lead
    }

    /// Checks that a lead is another than the erased one, and goes out once.
    async fn goes_out(&self, told: &Accepted, erased: &LeadId) {
        assert_eq!((told.status, told.repeated), ("queued", false));
        assert_ne!(told.lead, *erased);
        let before = self.memory.crm.count(Call::SignUp);
        while !self.memory.queue.sent().is_empty() {
            self.drain().await;
        }
        assert_eq!(self.state(&told.lead).await.as_str(), "delivered");
        assert_eq!(self.state(erased).await, LeadState::Erased);
        assert_eq!(self.memory.crm.count(Call::SignUp), before + 1);
        assert_eq!(self.memory.ledger.all().len(), 2);
    }
}

#[tokio::test]
async fn a_key_whose_lead_was_erased_is_as_good_as_new_for_a_day_again() {
    for pause in [0, 2] {
        let scene = Scene::connected().await;
        let erased = scene.erased("k").await;
        scene
            .memory
            .clock
            .advance(SignedDuration::from_hours(pause));

        let anew = scene.submit_as("k", ADA).await.unwrap();
        scene.memory.clock.advance(SignedDuration::from_hours(23));
        let again = scene.submit_as("k", ADA).await.unwrap();

        assert_eq!((&again.lead, again.repeated), (&anew.lead, true));
        scene.goes_out(&anew, &erased).await;
    }
}

#[tokio::test]
async fn the_key_of_an_erased_lead_may_come_with_other_content() {
    let scene = Scene::connected().await;
    let erased = scene.erased("k").await;
    let fields = [ADA[0], ("first_name", "Augusta")];

    let anew = scene.submit_as("k", &fields).await.unwrap();
    let as_before = scene.submit_as("k", ADA).await;

    let is_reused = matches!(as_before, Err(IntakeError::KeyReused));
    assert!(is_reused, "{as_before:?}");
    scene.goes_out(&anew, &erased).await;
}

#[tokio::test]
async fn of_many_at_once_with_the_key_of_an_erased_lead_one_is_taken_in() {
    let scene = Scene::connected().await;
    let erased = scene.erased("k").await;

    let answers = join_all((0..10).map(|_| scene.submit_as("k", ADA))).await;

    let waits = |answer: &&Result<Accepted, _>| matches!(answer, Err(IntakeError::InFlight { wait }) if (1..=31).contains(wait));
    assert_eq!(answers.iter().filter(waits).count(), 9);
    let taken = answers.iter().find_map(|answer| answer.as_ref().ok());
    scene.goes_out(taken.unwrap(), &erased).await;
}

#[tokio::test]
async fn the_same_without_a_key_is_another_lead_within_its_minute_and_a_double_click_one() {
    let scene = Scene::connected().await;
    let erased = scene.submit(ADA).await.lead;
    scene.drain().await;
    scene.erase_ada().await;

    let anew = scene.submit(ADA).await;
    let again = scene.submit(ADA).await;

    assert_eq!(again.lead, anew.lead);
    scene.goes_out(&anew, &erased).await;
}

/// Recording is the last step for a submission without a key.
#[tokio::test]
async fn what_came_after_the_erasure_and_only_its_message_has_goes_out() {
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

        let told = scene.submit(ADA).await;

        assert_eq!((told.status, &told.lead), ("queued", &erased));
        assert_eq!(scene.memory.ledger.all().len(), 1);
        let mut messages = scene.messages();
        if reversed {
            messages.reverse();
        }
        for _ in 0..2 {
            scene.drain_these(messages.clone()).await;
            let mut others = scene.memory.ledger.all();
            others.retain(|record| record.lead.id != erased);
            let words: Vec<_> = others.iter().map(|record| record.state.as_str()).collect();
            assert_eq!(words, ["delivered"]);
            assert_eq!(scene.state(&erased).await, LeadState::Erased);
            let sign_ups = scene.memory.crm.count(Call::SignUp);
            assert_eq!(sign_ups, 1 + usize::from(drained));
        }
    }
}

#[tokio::test]
async fn a_seal_that_was_broken_on_the_way_is_not_made_anew_under_another_id() {
    let scene = Scene::connected().await;
    let erased = scene.submit(ADA).await.lead;
    let mut lead = scene
        .memory
        .ledger
        .look(&scene.customer, &erased)
        .unwrap()
        .lead;
    scene.drain().await;
    scene.erase_ada().await;
    lead.received_at = scene.memory.clock.now();
    let task = Task::Accepted {
        lead: Box::new(lead),
    };

    scene.drain_these(samples::messages(&[task])).await;

    let why = RefusalReason::SealBroken;
    let refused = LeadState::Refused { why, detail: None };
    let all = scene.memory.ledger.all();
    assert!(all.iter().any(|record| record.state == refused), "{all:?}");
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}

#[tokio::test]
async fn what_looks_like_a_robots_is_set_aside_as_another_lead() {
    let scene = Scene::connected().await;
    let robot = [ADA[0], ("contact_website", "x")];
    let erased = scene.submit(&robot).await.lead;
    scene.erase_ada().await;

    let anew = scene.submit(&robot).await.lead;

    assert_ne!(anew, erased);
    assert_eq!(scene.state(&anew).await.as_str(), "quarantined");
    assert_eq!(scene.state(&erased).await, LeadState::Erased);
}

/// Intake looks for a lead of the hour before, claims, reads the erased lead, claims again.
#[tokio::test]
async fn where_the_key_cannot_be_claimed_again_the_sender_is_told_to_come_back() {
    for fault in [Fault::FailBefore, Fault::FailAfter] {
        let scene = Scene::connected().await;
        let erased = scene.erased("k").await;
        let claims_again = scene.memory.faults.steps() + 4;
        scene.memory.faults.at(claims_again, fault);

        let told = scene.submit_as("k", ADA).await;
        assert!(matches!(told, Err(IntakeError::Unavailable)), "{told:?}");
        scene.memory.clock.advance(SignedDuration::from_secs(35));
        let next = scene.submit_as("k", ADA).await.unwrap();

        scene.goes_out(&next, &erased).await;
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

    async fn answer(&self, answer: &str) -> Result<Accepted, IntakeError> {
        let mut arrival = arrival("k", &[ADA[0], ("cf-turnstile-response", answer)]);
        arrival.origin.ip = Some("192.0.2.7".into());
        let intake = self.memory.intake();
        let form = intake.form(self.form.id.as_str()).await?;
        intake.take(&form, arrival).await
    }
}

#[tokio::test]
async fn a_captcha_that_failed_after_the_erasure_can_be_corrected() {
    let mut scene = Scene::with_a_captcha_and_tight_limits().await;
    scene.form.screening.rates = Rates::default();
    scene.memory.directory.put_form(&scene.form).await.unwrap();
    scene.memory.captcha.solve("good");
    scene.memory.captcha.solve("better");
    let erased = scene.answer("good").await.unwrap().lead;
    scene.drain().await;
    scene.erase_ada().await;

    let failed = scene.answer("wrong").await;
    let corrected = scene.answer("better").await.unwrap();

    assert!(
        matches!(failed, Err(IntakeError::Rejected(_))),
        "{failed:?}"
    );
    scene.goes_out(&corrected, &erased).await;
}

/// A submission with a key takes the most steps; of these, two counters of the minute, and of the day, are added to at
/// the same time.
#[tokio::test]
async fn a_key_to_be_claimed_again_takes_no_more_steps_than_there_is_time_for() {
    let scene = Scene::with_a_captcha_and_tight_limits().await;
    scene.memory.captcha.solve("good");
    scene.memory.captcha.solve("better");
    scene.answer("good").await.unwrap();
    scene.erase_ada().await;
    let before = scene.memory.faults.steps();

    let aside = scene.answer("better").await.unwrap().lead;

    let steps = scene.memory.faults.steps() - before;
    assert_eq!(scene.state(&aside).await.as_str(), "quarantined");
    assert_eq!(steps - 2, u64::from(MOST_STEPS));
}
