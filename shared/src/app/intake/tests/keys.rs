use futures_util::future::join_all;
use jiff::SignedDuration;

use crate::app::intake::{Accepted, IN_FLIGHT_FOR, IntakeError, MAX_STEPS};
use crate::app::scene::{Scene, arrival};
use crate::domain::captcha::{Captcha, CaptchaProvider, OnFailure};
use crate::domain::screening::Rates;
use crate::fakes::{Call, Fault};
use crate::ports::Forms as _;

const ADA: &[(&str, &str)] = &[("email", "ada@example.com")];
const EVE: &[(&str, &str)] = &[("email", "eve@example.com")];

impl Scene {
    /// Submits in a function that may crash on the way.
    async fn submit_until_crash(&self, key: &str) -> Option<Result<Accepted, IntakeError>> {
        let intake = self.memory.intake();
        let work = intake.take(&self.form, arrival(key, ADA));
        self.memory.faults.until_crash(work).await
    }
}

#[tokio::test]
async fn retry_with_the_same_key_gets_the_same_answer_and_creates_no_second_lead() {
    let scene = Scene::connected().await;

    let first = scene.submit_with_key("k", ADA).await.unwrap();
    scene.drain().await;
    scene.memory.clock.advance(SignedDuration::from_hours(23));
    let again = scene.submit_with_key("k", ADA).await.unwrap();

    assert_eq!((&again.lead, again.status), (&first.lead, first.status));
    assert_eq!((first.is_duplicate, again.is_duplicate), (false, true));
    assert_eq!(scene.memory.ledger.all().len(), 1);
    assert!(scene.memory.queue.sent().is_empty());
}

#[tokio::test]
async fn idempotency_key_is_bound_to_one_content_and_form_for_a_day() {
    let scene = Scene::connected().await;
    let first = scene.submit_with_key("k", ADA).await.unwrap();

    let other = scene.submit_with_key("k", EVE).await;
    let mut other_form = scene.form.clone();
    other_form.id = "frm_01ARZ3NDEKTSV4RRFFQ69G5FAA".parse().unwrap();
    let intake = scene.memory.intake();
    let on_another_form = intake.take(&other_form, arrival("k", EVE)).await.unwrap();
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    let next_day = scene.submit_with_key("k", EVE).await.unwrap();

    assert!(matches!(other, Err(IntakeError::KeyReused)), "{other:?}");
    assert_ne!(on_another_form.lead, first.lead);
    assert_ne!(next_day.lead, first.lead);
}

#[tokio::test]
async fn rejected_submission_leaves_its_idempotency_key_free() {
    let scene = Scene::connected().await;

    let refused = scene.submit_with_key("k", &[("email", "ada@")]).await;
    let corrected = scene.submit_with_key("k", ADA).await;

    assert!(
        matches!(refused, Err(IntakeError::Rejected(_))),
        "{refused:?}"
    );
    assert!(corrected.is_ok(), "{corrected:?}");
}

#[tokio::test]
async fn concurrent_requests_with_one_key_accept_one_and_ask_the_others_to_wait() {
    let scene = Scene::connected().await;

    let results = join_all((0..20).map(|_| scene.submit_with_key("k", ADA))).await;

    let waits = |result: &&Result<Accepted, _>| matches!(result, Err(IntakeError::InFlight { wait }) if (1..=31).contains(wait));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(waits).count(), 19);
    assert_eq!(scene.memory.ledger.all().len(), 1);
}

/// Intake looks back, claims, sends, records: at whichever step the first request dies, the key is not locked for ever.
#[tokio::test]
async fn crash_at_any_step_leaves_a_key_that_a_retry_completes_as_one_lead() {
    for step in 1..=4 {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let scene = Scene::connected().await;
            scene
                .memory
                .faults
                .at(scene.memory.faults.steps() + step, fault);

            let killed = scene.submit_until_crash("k").await;
            assert!(killed.is_none(), "{step} {fault:?}");
            scene.memory.clock.advance(SignedDuration::from_secs(35));
            let next = scene.submit_with_key("k", ADA).await.unwrap();

            while !scene.memory.queue.sent().is_empty() {
                scene.drain().await;
            }
            assert_eq!(scene.memory.ledger.all().len(), 1, "{step} {fault:?}");
            assert_eq!(scene.state(&next.lead).await.as_str(), "delivered");
            assert_eq!(scene.memory.crm.count(Call::SignUp), 1, "{step} {fault:?}");
        }
    }
}

/// With a key whose first request died, a captcha, and limits so small that every counter is added to each time.
#[tokio::test]
async fn longest_submission_path_takes_the_documented_maximum_of_steps() {
    let mut scene = Scene::connected().await;
    scene.form.screening.rates = Rates {
        per_minute: 10,
        per_origin: 10,
        per_day: 10,
        per_address: 10,
    };
    scene.form.screening.captcha = Some(Captcha {
        provider: CaptchaProvider::Turnstile,
        site_key: "site".into(),
        on_failure: OnFailure::Refuse,
    });
    scene.memory.directory.put_form(&scene.form).await.unwrap();
    scene.memory.captcha.solve("good");
    let fields = [ADA[0], ("cf-turnstile-response", "good")];
    let submit = async || {
        let mut arrival = arrival("k", &fields);
        arrival.origin.ip = Some("192.0.2.7".into());
        let intake = scene.memory.intake();
        let form = intake.form(scene.form.id.as_str()).await.unwrap();
        intake.take(&form, arrival).await
    };
    let faults = &scene.memory.faults;
    faults.at(faults.steps() + 5, Fault::CrashAfter);
    assert!(faults.until_crash(submit()).await.is_none());
    scene.memory.clock.advance(IN_FLIGHT_FOR);
    let before = faults.steps();

    let accepted = submit().await.unwrap();

    let release_steps = 1; // if it was set aside
    let concurrent_steps = 2; // one of the two counters of the minute, and of the day
    let steps = faults.steps() - before + release_steps - concurrent_steps;
    assert!(!accepted.is_duplicate);
    assert_eq!(steps, u64::from(MAX_STEPS));
}

#[tokio::test]
async fn ledger_outage_neither_rejects_nor_duplicates_a_lead_with_a_key() {
    let scene = Scene::connected().await;
    for _ in 0..2 {
        let steps = scene.memory.faults.steps();
        for step in [1, 2, 4] {
            scene.memory.faults.at(steps + step, Fault::FailBefore);
        }
        assert!(scene.submit_with_key("k", ADA).await.is_ok());
        scene.memory.clock.advance(SignedDuration::from_mins(40));
    }
    scene.drain().await;

    let recovered = scene.submit_with_key("k", ADA).await.unwrap();
    scene.memory.clock.advance(SignedDuration::from_hours(2));
    let later = scene.submit_with_key("k", ADA).await.unwrap();

    assert_eq!((&later.lead, later.is_duplicate), (&recovered.lead, true));
    assert_eq!(scene.memory.ledger.all().len(), 1);
    assert_eq!(scene.state(&recovered.lead).await.as_str(), "delivered");
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}
