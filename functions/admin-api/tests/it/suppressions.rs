use leadfeed_shared::domain::ids::LeadId;
use serde_json::json;

use crate::stage::Stage;

const LIST: &str = "/v1/customers/engines/suppressions";

#[tokio::test]
async fn lead_of_a_suppressed_address_is_refused() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let suppressed_lead = stage.sign_up(&form, "ada@example.com").await;
    let suppression = stage.post(LIST, json!({"email": "ADA@example.com"})).await;
    let other = stage.sign_up(&form, "eve@example.com").await;

    stage.memory.drain_all().await;

    let state = async |lead: &LeadId| {
        let lead = stage.get(&format!("/v1/leads/{lead}")).await;
        (lead.text("status"), lead.text("why"))
    };
    assert_eq!(suppression.status, 200);
    assert_eq!(
        state(&suppressed_lead).await,
        ("refused".into(), "suppressed".into())
    );
    assert_eq!(
        state(&other).await,
        ("waiting".into(), "not_connected".into())
    );
}

#[tokio::test]
async fn suppressions_show_no_addresses_and_can_be_removed() {
    let stage = Stage::with_customers().await;
    let ada = json!({"email": "ada@example.com"});

    let first = stage.post(LIST, ada.clone()).await;
    let again = stage.post(LIST, ada.clone()).await;
    let listed = stage.get(LIST).await;
    let other_customer = stage.get("/v1/customers/looms/suppressions").await;
    let removals = "/v1/customers/engines/suppression-removals";
    let removed = stage.post(removals, ada.clone()).await;
    let removed_again = stage.post(removals, ada).await;

    assert_eq!(again.body, first.body);
    assert_eq!(listed.body, json!({"suppressions": [first.body]}));
    assert!(!listed.body.to_string().contains('@'));
    assert_eq!(other_customer.body, json!({"suppressions": []}));
    assert_eq!((removed.status, removed_again.status), (204, 204));
    assert_eq!(stage.get(LIST).await.body, json!({"suppressions": []}));
}

#[tokio::test]
async fn suppression_requires_a_valid_address_and_an_existing_customer() {
    let stage = Stage::with_customers().await;

    let bad = stage.post(LIST, json!({"email": "ada"})).await;
    let unknown_customer = stage
        .post(
            "/v1/customers/nobody/suppressions",
            json!({"email": "a@example.com"}),
        )
        .await;

    assert_eq!(bad.field_errors(), [("email", "email_malformed")]);
    assert_eq!(unknown_customer.status, 404);
}

#[tokio::test]
async fn page_asks_for_confirmation_before_suppressing_and_keeps_the_address_out_of_urls() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    let path = stage.manage_path().await;
    let suppress = format!("{path}/suppress");
    let listed = async || {
        stage.get(LIST).await.body["suppressions"]
            .as_array()
            .unwrap()
            .len()
    };

    let (preview_status, _, confirmation) = stage
        .page("POST", &suppress, "email=ada%40example.com")
        .await;
    let before = listed().await;
    let sure = "email=ada%40example.com&sure=yes";
    let (done, to, _) = stage.page("POST", &suppress, sure).await;
    let location = to["location"].to_str().unwrap();
    let (_, _, page) = stage.page("GET", location, "").await;
    let (invalid, ..) = stage.page("POST", &suppress, "email=ada&sure=yes").await;
    let (get_status, ..) = stage.page("GET", &suppress, "").await;

    assert_eq!((preview_status, before), (200, 0));
    assert!(
        confirmation.contains("hold <strong>1</strong> sign-up of this person"),
        "{confirmation}"
    );
    assert!(
        confirmation.contains("value=\"ada@example.com\"")
            && confirmation.contains("value=\"yes\"")
    );
    assert_eq!((done, listed().await), (303, 1));
    assert!(
        location.starts_with(&path) && !location.contains("ada"),
        "{location}"
    );
    assert!(page.contains("on your do-not-contact list now"), "{page}");
    assert_eq!((invalid, get_status), (422, 404));
    stage.delete("/v1/customers/engines").await;
    assert_eq!(stage.page("POST", &suppress, sure).await.0, 403);
}
