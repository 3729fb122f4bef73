//! Trying again, and forgetting.

use leadfeed_shared::domain::lead::LeadState;
use leadfeed_shared::domain::tally::Counts;
use leadfeed_shared::ports::{Ledger as _, Tallies as _};
use serde_json::json;

use crate::stage::Stage;

const REPLAYS: &str = "/v1/customers/engines/replays";
const ERASURES: &str = "/v1/customers/engines/erasures";

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_does_nothing() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    stage.drain().await;

    let dry = stage.post(REPLAYS, json!({"dry_run": true})).await;
    let nothing = stage.memory.queue.receive(10);
    let other = json!({"status": "waiting", "reason": "quota"});
    let other = stage.post(REPLAYS, other).await;
    let real = stage
        .post(
            REPLAYS,
            json!({"status": "waiting", "reason": "not_connected"}),
        )
        .await;

    let leads = json!({"waiting.not_connected": 1});
    assert_eq!(
        dry.body,
        json!({"dry_run": true, "leads": leads, "exported": 0, "others": 0, "blocked": "not_connected"})
    );
    assert!(nothing.is_empty());
    assert_eq!(other.body["leads"], json!({}));
    assert_eq!((real.status, &real.body["leads"]), (200, &leads));
    assert_eq!(stage.memory.queue.receive(10).len(), 1);
}

#[tokio::test]
async fn the_page_shows_what_a_retry_would_do_before_it_does_it() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    stage.drain().await;
    let path = stage.manage_path().await;

    let (_, _, asks) = stage
        .page(
            "GET",
            &format!("{path}/retry?label=waiting.not_connected"),
            "",
        )
        .await;
    let (status, headers, _) = stage
        .page(
            "POST",
            &format!("{path}/retry"),
            "label=waiting.not_connected",
        )
        .await;
    let to = headers["location"].to_str().unwrap().to_owned();
    let (_, _, page) = stage.page("GET", &to, "").await;

    assert!(asks.contains("would wait again at once"), "{asks}");
    assert_eq!(status, 303);
    assert!(page.contains("1 person is being tried again"), "{page}");
    let (nonsense, ..) = stage
        .page("GET", &format!("{path}/retry?label=x"), "")
        .await;
    assert_eq!(nonsense, 422);
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
    stage.drain().await;

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
async fn one_lead_is_erased_by_its_id() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;

    let gone = stage.delete(&format!("/v1/leads/{lead}")).await;
    let again = stage.delete(&format!("/v1/leads/{lead}")).await;
    let never = stage.delete(&format!("/v1/leads/{form}")).await;

    assert_eq!((gone.status, again.status, never.status), (204, 204, 404));
}
