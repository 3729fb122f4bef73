//! Looking up a person by address.

use jiff::SignedDuration;
use leadfeed_shared::domain::lead::LeadState;
use serde_json::{Value, json};

use crate::stage::{Answer, Stage};

const PEOPLE: &str = "/v1/customers/engines/people";

async fn find(stage: &Stage, email: &str) -> Answer {
    stage.post(PEOPLE, json!({"email": email})).await
}

fn ids(answer: &Answer) -> Vec<&Value> {
    let leads = answer.body["leads"].as_array().unwrap();
    leads.iter().map(|lead| &lead["lead_id"]).collect()
}

#[tokio::test]
async fn person_lookup_returns_all_leads_of_an_address_newest_first() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let first = stage.sign_up(&form, "ada@example.com").await;
    stage.sign_up(&form, "eve@example.com").await;
    stage.memory.clock.advance(SignedDuration::from_hours(1));
    let second = stage.sign_up(&form, "ada@example.com").await;

    let site = "https://engines.example";
    let ledger = &stage.memory.ledger;
    ledger.tamper(|record| record.lead.consent.origin = Some(site.into()));

    let found = find(&stage, "ADA@example.com").await;

    assert_eq!(found.status, 200);
    assert_eq!(ids(&found), [&json!(second), &json!(first)]);
    let single = stage.get(&format!("/v1/leads/{second}")).await;
    assert_eq!(found.body["leads"][0], single.body);
    let consent = &found.body["leads"][1]["consent"];
    assert_eq!(consent["statement"], "Analytical Engines may mail me.");
    assert_eq!(consent["given_at"], "2026-11-23T09:30:00Z");
    assert_eq!(consent["origin"], site);
    assert_eq!(found.body["suppressed"], false);
}

#[tokio::test]
async fn person_lookup_shows_nothing_of_another_customer() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    let ada = json!({"email": "ada@example.com"});
    let list = "/v1/customers/engines/suppressions";
    assert_eq!(stage.post(list, ada.clone()).await.status, 200);

    let own = find(&stage, "ada@example.com").await;
    let others = stage.post("/v1/customers/looms/people", ada.clone()).await;
    let unknown_customer = stage.post("/v1/customers/nobody/people", ada).await;

    assert_eq!(
        (ids(&own), &own.body["suppressed"]),
        (vec![&json!(lead)], &json!(true))
    );
    assert_eq!(others.body, json!({"suppressed": false, "leads": []}));
    assert_eq!(unknown_customer.status, 404);
}

#[tokio::test]
async fn person_lookup_omits_erased_leads_but_finds_those_of_a_removed_customer() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    let eve = stage.sign_up(&form, "eve@example.com").await;
    let ada = json!({"email": "ada@example.com"});
    stage.post("/v1/customers/engines/erasures", ada).await;
    stage.delete("/v1/customers/engines").await;

    let erased = find(&stage, "ada@example.com").await;
    let kept = find(&stage, "eve@example.com").await;

    assert_eq!(ids(&erased), [&Value::Null; 0]);
    assert_eq!(ids(&kept), [&json!(eve)]);
}

#[tokio::test]
async fn person_with_many_leads_is_returned_page_by_page() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let ada = stage.sign_up(&form, "ada@example.com").await;
    let template = stage.lead(&ada);
    stage
        .settle_copies(&template, 1..41, &LeadState::Queued)
        .await;

    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    let mut request = json!({"email": "ada@example.com"});
    loop {
        let page = stage.post(PEOPLE, request.clone()).await;
        sizes.push(ids(&page).len());
        seen.extend(ids(&page).into_iter().map(Value::to_string));
        match page.body.get("next_cursor") {
            Some(cursor) => request["cursor"] = cursor.clone(),
            None => break,
        }
    }
    let other_customer = stage.post("/v1/customers/looms/people", request).await;

    assert_eq!(sizes, [20, 20, 1]);
    let mut sorted = seen.clone();
    sorted.sort_unstable_by(|one, other| other.cmp(one));
    sorted.dedup();
    assert_eq!((seen.len(), &seen), (41, &sorted));
    assert_eq!(other_customer.field_errors(), [("cursor", "malformed")]);
}

#[tokio::test]
async fn malformed_address_is_rejected_and_not_echoed() {
    let stage = Stage::with_customers().await;

    let bad = find(&stage, "SENTINEL").await;

    assert_eq!(bad.field_errors(), [("email", "email_malformed")]);
    assert!(!bad.body.to_string().contains("SENTINEL"));
}
