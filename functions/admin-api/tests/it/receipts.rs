use admin_api::handle;
use jiff::SignedDuration;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use lambda_http::request::from_str;
use leadfeed_shared::domain::ids::LeadId;
use serde_json::{Value, json};

use crate::stage::{Stage, event};

/// The published keys, requested without a token.
async fn published(stage: &Stage) -> JwkSet {
    let mut event = event("GET", "/.well-known/jwks.json", None);
    event["headers"]
        .as_object_mut()
        .unwrap()
        .remove("authorization");
    let request = from_str(&event.to_string()).unwrap();
    let answer = handle(&stage.api, request).await;
    assert_eq!(answer.status(), 200);
    serde_json::from_slice(answer.body()).unwrap()
}

fn verified(receipt: &str, keys: &JwkSet) -> Result<Value, jsonwebtoken::errors::Error> {
    let header = decode_header(receipt)?;
    assert_eq!(header.alg, Algorithm::EdDSA);
    let key = keys.find(header.kid.as_deref().unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.set_required_spec_claims(&["iss"]);
    rules.set_issuer(&["https://leads.example"]);
    let decoded = decode::<Value>(receipt, &DecodingKey::from_jwk(key)?, &rules)?;
    Ok(decoded.claims)
}

#[tokio::test]
async fn anyone_can_verify_a_receipt_with_the_published_key() {
    let stage = Stage::with_customers().await;
    let lead = stage.sign_up(&stage.form().await, "ada@example.com").await;

    let answer = stage.get(&format!("/v1/leads/{lead}/receipt")).await;
    let keys = published(&stage).await;
    let claims = verified(&answer.text("receipt"), &keys).unwrap();

    assert_eq!(answer.status, 200);
    assert_eq!(claims["record_id"], lead.as_str());
    assert_eq!(claims["pii_principal_id"], "ada@example.com");
    assert_eq!(claims["events"][0]["event_time"], "2026-11-23T09:30:00Z");
    assert_eq!(claims["events"][0]["event_type"], "explicit");
    let purpose = &claims["pii_processing"]["purposes"][0];
    assert_eq!(purpose["lawful_basis"], "consent");
    assert_eq!(purpose["pii_information"][0]["pii_type"], "email_address");
    assert_eq!(
        claims["party_identification"][0]["party_name"],
        "Analytical Engines"
    );
    assert_eq!(
        claims["consent_record"]["statement"],
        "Analytical Engines may mail me."
    );
    assert_eq!(claims["consent_record"]["statement_version"], 1);
    let published = serde_json::to_value(&keys).unwrap();
    assert_eq!(published["keys"][0]["crv"], "Ed25519");
    assert_eq!(published["keys"][0].get("d"), None);
}

#[tokio::test]
async fn tampered_receipt_fails_verification() {
    let stage = Stage::with_customers().await;
    let lead = stage.sign_up(&stage.form().await, "ada@example.com").await;
    let receipt = stage
        .get(&format!("/v1/leads/{lead}/receipt"))
        .await
        .text("receipt");
    let other = stage.sign_up(&stage.form().await, "eve@example.com").await;
    let other = stage
        .get(&format!("/v1/leads/{other}/receipt"))
        .await
        .text("receipt");
    let parts: Vec<_> = receipt.split('.').collect();
    let others: Vec<_> = other.split('.').collect();

    let mixed = [parts[0], others[1], parts[2]].join(".");

    assert!(verified(&mixed, &published(&stage).await).is_err());
}

#[tokio::test]
async fn lead_with_a_tampered_statement_gets_no_receipt() {
    let stage = Stage::with_customers().await;
    let lead = stage.sign_up(&stage.form().await, "ada@example.com").await;
    stage.memory.ledger.tamper(|record| {
        record.lead.consent.statement = "Anybody may mail me.".into();
    });

    let answer = stage.get(&format!("/v1/leads/{lead}/receipt")).await;

    assert_eq!(
        (answer.status, answer.text("code")),
        (409, "seal_broken".into())
    );
}

#[tokio::test]
async fn receipt_names_the_brand_agreed_to_even_after_it_was_renamed() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    let closed = json!({"open": false});
    stage.patch(&format!("/v1/forms/{form}"), closed).await;
    let renamed = json!({"name": "Engines", "brand": "Difference Engines"});
    let renamed = stage.put("/v1/customers/engines", renamed).await;

    let answer = stage.get(&format!("/v1/leads/{lead}/receipt")).await;
    let claims = verified(&answer.text("receipt"), &published(&stage).await).unwrap();

    assert_eq!(renamed.status, 200);
    let (party, purpose) = (
        &claims["party_identification"][0]["party_name"],
        &claims["pii_processing"]["purposes"][0]["purpose"],
    );
    assert_eq!(party, "Analytical Engines");
    assert_eq!(purpose, "e-mail from Analytical Engines");
}

/// The claims in the receipt of a lead that was sealed with this statement.
async fn claims_of(stage: &Stage, lead: &LeadId, statement: &str) -> Value {
    let keys = stage.memory.keys();
    stage.memory.ledger.tamper(|record| {
        record.lead.consent.statement = statement.into();
        record.lead = record.lead.clone().sealed(&keys);
    });
    let answer = stage.get(&format!("/v1/leads/{lead}/receipt")).await;
    verified(&answer.text("receipt"), &published(stage).await).unwrap()
}

#[tokio::test]
async fn receipt_names_a_brand_only_if_its_statement_does() {
    let stage = Stage::with_customers().await;
    let lead = stage.sign_up(&stage.form().await, "ada@example.com").await;
    let renamed = json!({"name": "Engines Ltd", "brand": "Analytical Engines"});
    stage.put("/v1/customers/engines", renamed).await;

    for (brand, statement, party, purpose) in [
        (
            Some("Analytical Engines"),
            "Mail from Analytical Engines.",
            "Analytical Engines",
            "e-mail from Analytical Engines",
        ),
        (
            None,
            "Mail from Analytical Engines.",
            "Analytical Engines",
            "e-mail from Analytical Engines",
        ),
        (
            Some("Analytical Engines"),
            "Mail me.",
            "Engines Ltd",
            "e-mail",
        ),
        (None, "Mail me.", "Engines Ltd", "e-mail"),
    ] {
        let sealed = brand.map(str::to_owned);
        let ledger = &stage.memory.ledger;
        ledger.tamper(|record| record.lead.consent.brand.clone_from(&sealed));

        let claims = claims_of(&stage, &lead, statement).await;

        let party_named = &claims["party_identification"][0]["party_name"];
        let purpose_stated = &claims["pii_processing"]["purposes"][0]["purpose"];
        assert_eq!(
            (party_named, purpose_stated),
            (&json!(party), &json!(purpose))
        );
    }
}

#[tokio::test]
async fn receipt_shows_page_and_origin_but_not_as_a_privacy_notice() {
    let stage = Stage::with_customers().await;
    let lead = stage.sign_up(&stage.form().await, "ada@example.com").await;
    let (page, site) = ("https://engines.example/news", "https://looms.example");
    stage.memory.ledger.tamper(|record| {
        record.lead.consent.page_url = Some(page.into());
        record.lead.consent.origin = Some(site.into());
    });

    let claims = claims_of(&stage, &lead, "Analytical Engines may mail me.").await;

    assert_eq!(claims["consent_record"]["page_url"], page);
    assert_eq!(claims["consent_record"]["origin"], site);
    assert_eq!(claims["pii_processing"].get("privacy_notice"), None);
}

#[tokio::test]
async fn lead_with_a_tampered_received_at_gets_no_receipt() {
    let stage = Stage::with_customers().await;
    let lead = stage.sign_up(&stage.form().await, "ada@example.com").await;
    stage.memory.ledger.tamper(|record| {
        record.lead.received_at -= SignedDuration::from_hours(24);
    });

    let answer = stage.get(&format!("/v1/leads/{lead}/receipt")).await;

    assert_eq!(
        (answer.status, answer.text("code")),
        (409, "seal_broken".into())
    );
}

#[tokio::test]
async fn erased_and_unknown_leads_have_no_receipt() {
    let stage = Stage::with_customers().await;
    let lead = stage.sign_up(&stage.form().await, "ada@example.com").await;
    stage.delete(&format!("/v1/leads/{lead}")).await;

    let erased = stage.get(&format!("/v1/leads/{lead}/receipt")).await;
    let unknown = stage
        .get("/v1/leads/lead_01ARZ3NDEKTSV4RRFFQ69G5FAV/receipt")
        .await;

    assert_eq!(
        (erased.status, erased.text("code")),
        (410, "lead_erased".into())
    );
    assert_eq!(unknown.status, 404);
}
