use leadfeed_shared::domain::ids::LeadId;
use serde_json::json;

use crate::stage::Stage;

const LIST: &str = "/v1/customers/engines/suppressions";

#[tokio::test]
async fn a_lead_of_a_suppressed_address_is_kept_and_not_sent() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let waits = stage.sign_up(&form, "ada@example.com").await;
    let line = stage.post(LIST, json!({"email": "ADA@example.com"})).await;
    let other = stage.sign_up(&form, "eve@example.com").await;

    stage.drain().await;

    let state = async |lead: &LeadId| {
        let lead = stage.get(&format!("/v1/leads/{lead}")).await;
        (lead.text("status"), lead.text("why"))
    };
    assert_eq!(line.status, 200);
    assert_eq!(state(&waits).await, ("refused".into(), "suppressed".into()));
    assert_eq!(
        state(&other).await,
        ("waiting".into(), "not_connected".into())
    );
}

#[tokio::test]
async fn the_list_shows_nobodys_address_and_forgets_whom_it_is_told_to() {
    let stage = Stage::with_customers().await;
    let ada = json!({"email": "ada@example.com"});

    let first = stage.post(LIST, ada.clone()).await;
    let again = stage.post(LIST, ada.clone()).await;
    let listed = stage.get(LIST).await;
    let elsewhere = stage.get("/v1/customers/looms/suppressions").await;
    let removals = "/v1/customers/engines/suppression-removals";
    let removed = stage.post(removals, ada.clone()).await;
    let twice = stage.post(removals, ada).await;

    assert_eq!(again.body, first.body);
    assert_eq!(listed.body, json!({"suppressions": [first.body]}));
    assert!(!listed.body.to_string().contains('@'));
    assert_eq!(elsewhere.body, json!({"suppressions": []}));
    assert_eq!((removed.status, twice.status), (204, 204));
    assert_eq!(stage.get(LIST).await.body, json!({"suppressions": []}));
}

#[tokio::test]
async fn only_an_address_of_a_customer_can_be_listed() {
    let stage = Stage::with_customers().await;

    let bad = stage.post(LIST, json!({"email": "ada"})).await;
    let nobodys = stage
        .post(
            "/v1/customers/nobody/suppressions",
            json!({"email": "a@example.com"}),
        )
        .await;

    assert_eq!(bad.faults(), [("email", "email_malformed")]);
    assert_eq!(nobodys.status, 404);
}
