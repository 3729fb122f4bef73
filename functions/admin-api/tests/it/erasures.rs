//! Erasing a person.

use jiff::SignedDuration;
use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::lead::LeadState;
use leadfeed_shared::domain::tally::Counts;
use leadfeed_shared::domain::task::Task;
use leadfeed_shared::fakes::Fault;
use leadfeed_shared::fakes::samples::delivered;
use leadfeed_shared::ports::{Clock as _, Ledger as _, Locks as _, Queue as _, Tallies as _};
use serde_json::json;

use crate::stage::Stage;

const ERASURES: &str = "/v1/customers/engines/erasures";

#[tokio::test]
async fn page_shows_the_number_of_sign_ups_before_erasing_a_person() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    let erase = format!("{}/erase", stage.manage_path().await);
    let status = async || stage.get(&format!("/v1/leads/{lead}")).await.text("status");

    let (preview_status, headers, confirmation) =
        stage.page("POST", &erase, "email=ada%40example.com").await;
    let kept = status().await;
    let (_, _, unknown_person) = stage.page("POST", &erase, "email=bo%40example.com").await;
    let sure = "email=ada%40example.com&sure=yes";
    let (done, to, _) = stage.page("POST", &erase, sure).await;
    let (malformed, ..) = stage.page("POST", &erase, "email=ada").await;

    assert_eq!(
        (preview_status, headers["cache-control"].to_str().unwrap()),
        (200, "no-store")
    );
    assert!(
        confirmation.contains("<strong>1</strong> sign-up of this person"),
        "{confirmation}"
    );
    assert!(confirmation.contains("Erase for good"));
    assert!(
        unknown_person.contains("no sign-up of this person")
            && unknown_person.contains("Erase for good")
    );
    assert_eq!(kept, "queued");
    assert_eq!(done, 303);
    assert!(
        to["location"]
            .to_str()
            .unwrap()
            .ends_with("?done=erased&count=1")
    );
    assert_eq!(status().await, "erased");
    assert_eq!(malformed, 422);
}

/// A message of two weeks ago must not bring an erased lead back, however short its customer keeps leads.
#[tokio::test]
async fn erased_lead_record_is_kept_for_the_retention_time_but_at_least_60_days() {
    for (leads, mark) in [(30, 60), (90, 90)] {
        let stage = Stage::with_customers().await;
        stage.set_retention(leads).await;
        let form = stage.form().await;
        let lead = stage.sign_up(&form, "ada@example.com").await;

        stage
            .post(ERASURES, json!({"email": "ada@example.com"}))
            .await;

        let days = SignedDuration::from_hours(24 * mark);
        assert_eq!(stage.remaining_retention(&lead), Some(days), "{leads}");
    }
}

#[tokio::test]
async fn erased_lead_keeps_no_personal_data_and_stays_erased_when_its_message_is_drained() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    let other = stage.sign_up(&form, "bo@example.com").await;

    let erased = stage
        .post(ERASURES, json!({"email": "ADA@example.com"}))
        .await;
    let again = stage
        .post(ERASURES, json!({"email": "ada@example.com"}))
        .await;
    stage.memory.drain_all().await;

    assert_eq!(
        (erased.body, again.body),
        (json!({"erased": 1}), json!({"erased": 0}))
    );
    let customer = "engines".parse().unwrap();
    let record = stage
        .memory
        .ledger
        .lead(&customer, &lead)
        .await
        .unwrap()
        .unwrap();
    let kept = format!("{record:?}") + &serde_json::to_string(&record).unwrap();
    for gone in ["ada@", "Ada", "192.0.2.7"] {
        assert!(!kept.contains(gone), "{gone}: {kept}");
    }
    assert_eq!(record.state, LeadState::Erased);
    let seal = serde_json::to_string(&record.lead.seal).unwrap();
    assert!(seal.len() > 40, "the seal stays as proof: {seal}");
    let shown = stage.get(&format!("/v1/leads/{lead}")).await;
    assert_eq!(shown.text("status"), "erased");
    let other = stage.get(&format!("/v1/leads/{other}")).await;
    assert_eq!(other.text("status"), "waiting");
    let tallies = stage.memory.directory.tallies(&customer).await.unwrap();
    let counts = Counts::from([("erased".into(), 1), ("waiting.not_connected".into(), 1)]);
    assert_eq!(tallies[0].counts, counts);
    let bad = stage.post(ERASURES, json!({"email": "SENTINEL"})).await;
    assert_eq!(bad.field_errors(), [("email", "email_malformed")]);
    assert!(!bad.body.to_string().contains("SENTINEL"));
}

#[tokio::test]
async fn erasure_removes_dead_letters_including_leads_missing_from_the_ledger() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    for number in 0..25 {
        stage
            .sign_up(&form, &format!("p{number}@example.com"))
            .await;
    }
    let ada = stage.sign_up(&form, "ada@example.com").await;
    let dead = &stage.memory.dead_letters;
    dead.send(&stage.memory.queue.receive(26)).await.unwrap();
    let mut unrecorded = stage.lead(&ada);
    unrecorded.id = LeadId::new(1);
    let lead = Box::new(unrecorded);
    dead.send(&[Task::Accepted { lead }]).await.unwrap();

    let erased = stage
        .post(ERASURES, json!({"email": "ADA@example.com"}))
        .await;
    let at_once = stage
        .post(ERASURES, json!({"email": "p20@example.com"}))
        .await;

    assert_eq!(
        (erased.body, at_once.body),
        (json!({"erased": 2}), json!({"erased": 1}))
    );
    let remaining = dead.sent();
    assert_eq!(remaining.len(), 24);
    let kept = serde_json::to_string(&remaining).unwrap();
    assert!(kept.contains("p24@") && !kept.contains("ada@"), "{kept}");
}

#[tokio::test]
async fn erasure_fails_while_the_dead_letters_cannot_be_searched() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    let (faults, email) = (&stage.memory.faults, json!({"email": "ada@example.com"}));
    let dead = &stage.memory.dead_letters;
    dead.send(&stage.memory.queue.receive(1)).await.unwrap();

    let mut refused = 0;
    // The steps: read the customer, note the erasure, take the lock, look at the dead letters, discard one of them.
    for step in [4, 5] {
        faults.at(faults.steps() + step, Fault::FailBefore);
        let failed = stage.post(ERASURES, email.clone()).await;
        let at_once = stage.post(ERASURES, email.clone()).await;
        stage.memory.clock.advance(SignedDuration::from_mins(1));
        refused += [failed, at_once]
            .iter()
            .filter(|answer| answer.status == 503)
            .count();
    }
    let kept = stage.get(&format!("/v1/leads/{lead}")).await;
    let erased = stage.post(ERASURES, email).await;

    assert_eq!((refused, kept.text("status")), (4, "queued".into()));
    assert_eq!(erased.body, json!({"erased": 1}));
    assert!(dead.sent().is_empty());
}

#[tokio::test]
async fn erasure_too_large_for_one_request_is_finished_by_repeating_it() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let first = stage.sign_up(&form, "ada@example.com").await;
    let template = stage.lead(&first);
    stage.settle_copies(&template, 1..200, &delivered()).await;
    let held = async || {
        let people = "/v1/customers/engines/people";
        let held = stage
            .post(people, json!({"email": "ada@example.com"}))
            .await;
        held.body["leads"].as_array().unwrap().len()
    };

    let mut answers = Vec::new();
    while answers.last() != Some(&200) {
        assert!(answers.len() < 20, "each request erases some");
        let erasure = stage.post(ERASURES, json!({"email": "ada@example.com"}));
        let call = SignedDuration::from_millis(100);
        answers.push(stage.with_slow_calls(call, erasure).await.status);
    }

    assert!(answers.len() > 1, "one request erased everything");
    assert!(answers.iter().all(|status| [200, 503].contains(status)));
    assert_eq!(held().await, 0);
}

#[tokio::test]
async fn erasure_waits_while_another_searches_the_dead_letters() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    let (directory, now) = (&stage.memory.directory, stage.memory.clock.now());
    let until = now + SignedDuration::from_secs(4);
    let taken = directory.lock("dead-letters", "another", until, now);
    assert!(taken.await.unwrap());

    let erased = stage
        .post(ERASURES, json!({"email": "ada@example.com"}))
        .await;

    assert_eq!(erased.body, json!({"erased": 1}));
    assert!(stage.memory.clock.now() >= until);
}

#[tokio::test]
async fn erasing_a_lead_by_id_is_repeatable_and_removes_its_dead_letter() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    let dead = &stage.memory.dead_letters;
    dead.send(&stage.memory.queue.receive(1)).await.unwrap();

    let gone = stage.delete(&format!("/v1/leads/{lead}")).await;
    let again = stage.delete(&format!("/v1/leads/{lead}")).await;
    let not_a_lead = stage.delete(&format!("/v1/leads/{form}")).await;

    assert_eq!(
        (gone.status, again.status, not_a_lead.status),
        (204, 204, 404)
    );
    assert!(dead.sent().is_empty());
}

#[tokio::test]
async fn leads_of_a_removed_customer_can_still_be_listed_and_erased() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    assert_eq!(stage.delete("/v1/customers/engines").await.status, 204);

    let listed = stage.get("/v1/customers/engines/leads").await;
    let erased = stage
        .post(ERASURES, json!({"email": "ada@example.com"}))
        .await;
    let unknown_customer = "/v1/customers/nobody/erasures";
    let unknown_customer = stage
        .post(unknown_customer, json!({"email": "ada@example.com"}))
        .await;

    assert_eq!(listed.body["leads"][0]["lead_id"], lead.as_str());
    assert_eq!((erased.status, unknown_customer.status), (200, 404));
    let after = stage.get(&format!("/v1/leads/{lead}")).await;
    assert_eq!(after.text("status"), "erased");
}

#[tokio::test]
async fn removed_customers_link_erases_nobody_and_its_suppressions_are_not_found() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    let erase = format!("{}/erase", stage.manage_path().await);
    stage.delete("/v1/customers/engines").await;

    let email = "email=ada%40example.com";
    let (preview, ..) = stage.page("POST", &erase, email).await;
    let (confirmed, ..) = stage
        .page("POST", &erase, &format!("{email}&sure=yes"))
        .await;
    let list = "/v1/customers/engines/suppressions";
    let listed = stage.post(list, json!({"email": "ada@example.com"})).await;

    assert_eq!((preview, confirmed, listed.status), (403, 403, 404));
    let kept = stage.get(&format!("/v1/leads/{lead}")).await;
    assert_ne!(kept.text("status"), "erased");
}
