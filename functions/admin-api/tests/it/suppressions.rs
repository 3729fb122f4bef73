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

    stage.memory.drain_all().await;

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

#[tokio::test]
async fn the_page_says_what_it_means_before_it_lists_an_address_that_is_in_no_url() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    let path = stage.manage_path().await;
    let never = format!("{path}/suppress");
    let listed = async || {
        stage.get(LIST).await.body["suppressions"]
            .as_array()
            .unwrap()
            .len()
    };

    let (asked, _, asks) = stage.page("POST", &never, "email=ada%40example.com").await;
    let before = listed().await;
    let sure = "email=ada%40example.com&sure=yes";
    let (done, to, _) = stage.page("POST", &never, sure).await;
    let location = to["location"].to_str().unwrap();
    let (_, _, says) = stage.page("GET", location, "").await;
    let (wrong, ..) = stage.page("POST", &never, "email=ada&sure=yes").await;
    let (got, ..) = stage.page("GET", &never, "").await;

    assert_eq!((asked, before), (200, 0));
    assert!(
        asks.contains("hold <strong>1</strong> sign-up of this person"),
        "{asks}"
    );
    assert!(asks.contains("value=\"ada@example.com\"") && asks.contains("value=\"yes\""));
    assert_eq!((done, listed().await), (303, 1));
    assert!(
        location.starts_with(&path) && !location.contains("ada"),
        "{location}"
    );
    assert!(says.contains("on your do-not-contact list now"), "{says}");
    assert_eq!((wrong, got), (422, 404));
    stage.delete("/v1/customers/engines").await;
    assert_eq!(stage.page("POST", &never, sure).await.0, 404);
}
