//! Forgetting a person.

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
async fn the_page_says_how_much_of_a_person_there_is_before_it_erases_it() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    let erase = format!("{}/erase", stage.manage_path().await);
    let status = async || stage.get(&format!("/v1/leads/{lead}")).await.text("status");

    let (asked, headers, asks) = stage.page("POST", &erase, "email=ada%40example.com").await;
    let kept = status().await;
    let (_, _, nobody) = stage.page("POST", &erase, "email=bo%40example.com").await;
    let sure = "email=ada%40example.com&sure=yes";
    let (done, to, _) = stage.page("POST", &erase, sure).await;
    let (wrong, ..) = stage.page("POST", &erase, "email=ada").await;

    assert_eq!(
        (asked, headers["cache-control"].to_str().unwrap()),
        (200, "no-store")
    );
    assert!(
        asks.contains("<strong>1</strong> sign-up of this person"),
        "{asks}"
    );
    assert!(asks.contains("Erase for good"));
    assert!(nobody.contains("no sign-up of this person") && nobody.contains("Erase for good"));
    assert_eq!(kept, "queued");
    assert_eq!(done, 303);
    assert!(
        to["location"]
            .to_str()
            .unwrap()
            .ends_with("?done=erased&count=1")
    );
    assert_eq!(status().await, "erased");
    assert_eq!(wrong, 422);
}

/// A message of two weeks ago must not bring an erased lead back, however short its customer keeps leads.
#[tokio::test]
async fn the_mark_of_an_erased_lead_is_kept_as_long_as_leads_are_and_sixty_days_at_least() {
    for (leads, mark) in [(30, 60), (90, 90)] {
        let stage = Stage::with_customers().await;
        stage.keep_for(leads).await;
        let form = stage.form().await;
        let lead = stage.sign_up(&form, "ada@example.com").await;

        stage
            .post(ERASURES, json!({"email": "ada@example.com"}))
            .await;

        let days = SignedDuration::from_hours(24 * mark);
        assert_eq!(stage.kept_for(&lead), Some(days), "{leads}");
    }
}

#[tokio::test]
async fn an_erased_person_is_forgotten_and_not_sent_although_queued() {
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
    assert!(seal.len() > 40, "the proof stays: {seal}");
    let shown = stage.get(&format!("/v1/leads/{lead}")).await;
    assert_eq!(shown.text("status"), "erased");
    let other = stage.get(&format!("/v1/leads/{other}")).await;
    assert_eq!(other.text("status"), "waiting");
    let tallies = stage.memory.directory.tallies(&customer).await.unwrap();
    let counts = Counts::from([("erased".into(), 1), ("waiting.not_connected".into(), 1)]);
    assert_eq!(tallies[0].counts, counts);
    let bad = stage.post(ERASURES, json!({"email": "SENTINEL"})).await;
    assert_eq!(bad.faults(), [("email", "email_malformed")]);
    assert!(!bad.body.to_string().contains("SENTINEL"));
}

#[tokio::test]
async fn an_erased_person_is_gone_from_the_dead_letters_though_the_ledger_never_had_them() {
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
    let left = dead.sent();
    assert_eq!(left.len(), 24);
    let kept = serde_json::to_string(&left).unwrap();
    assert!(kept.contains("p24@") && !kept.contains("ada@"), "{kept}");
}

#[tokio::test]
async fn nothing_is_called_erased_while_the_dead_letters_cannot_be_looked_through() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    let (faults, email) = (&stage.memory.faults, json!({"email": "ada@example.com"}));
    let dead = &stage.memory.dead_letters;
    dead.send(&stage.memory.queue.receive(1)).await.unwrap();

    let mut refused = 0;
    // The customer is read, the turn taken, the dead letters are looked at, and one of them is discarded.
    for step in [3, 4] {
        faults.at(faults.steps() + step, Fault::FailBefore);
        let failed = stage.post(ERASURES, email.clone()).await;
        let at_once = stage.post(ERASURES, email.clone()).await;
        stage.memory.clock.advance(SignedDuration::from_mins(1));
        refused += [failed, at_once]
            .iter()
            .filter(|it| it.status == 503)
            .count();
    }
    let kept = stage.get(&format!("/v1/leads/{lead}")).await;
    let erased = stage.post(ERASURES, email).await;

    assert_eq!((refused, kept.text("status")), (4, "queued".into()));
    assert_eq!(erased.body, json!({"erased": 1}));
    assert!(dead.sent().is_empty());
}

#[tokio::test]
async fn somebody_signed_up_more_often_than_one_request_can_erase_is_erased_by_the_next_ones() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let first = stage.sign_up(&form, "ada@example.com").await;
    let like = stage.lead(&first);
    stage.end_like(&like, 1..200, &delivered()).await;
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
        answers.push(stage.slowly(call, erasure).await.status);
    }

    assert!(answers.len() > 1, "all at once");
    assert!(answers.iter().all(|status| [200, 503].contains(status)));
    assert_eq!(held().await, 0);
}

#[tokio::test]
async fn an_erasure_waits_for_another_that_looks_through_the_dead_letters() {
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
async fn one_lead_is_erased_by_its_id() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    let dead = &stage.memory.dead_letters;
    dead.send(&stage.memory.queue.receive(1)).await.unwrap();

    let gone = stage.delete(&format!("/v1/leads/{lead}")).await;
    let again = stage.delete(&format!("/v1/leads/{lead}")).await;
    let never = stage.delete(&format!("/v1/leads/{form}")).await;

    assert_eq!((gone.status, again.status, never.status), (204, 204, 404));
    assert!(dead.sent().is_empty());
}

#[tokio::test]
async fn a_person_of_a_removed_customer_is_found_and_erased() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    assert_eq!(stage.delete("/v1/customers/engines").await.status, 204);

    let listed = stage.get("/v1/customers/engines/leads").await;
    let erased = stage
        .post(ERASURES, json!({"email": "ada@example.com"}))
        .await;
    let never = "/v1/customers/nobody/erasures";
    let never = stage.post(never, json!({"email": "ada@example.com"})).await;

    assert_eq!(listed.body["leads"][0]["lead_id"], lead.as_str());
    assert_eq!((erased.status, never.status), (200, 404));
    let after = stage.get(&format!("/v1/leads/{lead}")).await;
    assert_eq!(after.text("status"), "erased");
}

#[tokio::test]
async fn the_links_and_the_list_of_a_removed_customer_reach_nobody_any_more() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    let erase = format!("{}/erase", stage.manage_path().await);
    stage.delete("/v1/customers/engines").await;

    let email = "email=ada%40example.com";
    let (asked, ..) = stage.page("POST", &erase, email).await;
    let (sure, ..) = stage
        .page("POST", &erase, &format!("{email}&sure=yes"))
        .await;
    let list = "/v1/customers/engines/suppressions";
    let listed = stage.post(list, json!({"email": "ada@example.com"})).await;

    assert_eq!((asked, sure, listed.status), (404, 404, 404));
    let kept = stage.get(&format!("/v1/leads/{lead}")).await;
    assert_ne!(kept.text("status"), "erased");
}
