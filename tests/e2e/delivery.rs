use cc_sandbox::contract::Permission;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::queue::{self, set_drain_enabled};
use crate::scene::{Scene, contact, exclusive, finally, shared, sign_ups, the_stack, token_calls};

#[tokio::test]
async fn a_form_post_with_consent_becomes_a_contact() {
    let _shared = shared().await;
    let scene = Scene::connected("form-post").await;

    let fields = [
        ("email", "form-post@example.com"),
        ("first_name", "Ada"),
        ("consent", "yes"),
    ];
    let (status, body) = scene.post_form(&fields).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    let lead = scene
        .wait_for_status(body["lead_id"].as_str().unwrap(), "delivered")
        .await;

    let contact = contact("form-post@example.com").unwrap();
    assert_eq!(lead["contact_id"], contact.id.to_string());
    assert_eq!(contact.first_name.as_deref(), Some("Ada"));
    assert_eq!(contact.permission, Permission::Explicit);
}

#[tokio::test]
async fn json_lead_is_added_to_the_list_the_customer_chose() {
    let _shared = shared().await;
    let scene = Scene::connected("json-post").await;

    let lead = scene.submit("json-post@example.com").await;
    let lead = scene.wait_for_status(&lead, "delivered").await;

    let connection = scene.connection().await;
    let lists: Vec<String> = contact("json-post@example.com")
        .unwrap()
        .lists
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(connection["lists"][0]["list_id"], lists[0]);
    let states: Vec<&Value> = lead["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["status"])
        .collect();
    assert_eq!(states.last(), Some(&&json!("delivered")), "{states:?}");
}

#[tokio::test]
async fn lead_waits_until_its_customer_connects_and_is_then_delivered() {
    let _shared = shared().await;
    let scene = Scene::new("connects-later").await;

    let lead = scene.submit("connects-later@example.com").await;
    let waiting = scene.wait_for_status(&lead, "waiting").await;
    assert_eq!(waiting["why"], "not_connected");
    scene.connect().await;

    scene.wait_for_status(&lead, "delivered").await;
    assert_eq!(sign_ups("connects-later@example.com"), 1);
}

#[tokio::test]
async fn expired_access_token_is_refreshed_once_during_delivery() {
    let _exclusive = exclusive().await;
    let scene = Scene::connected("expired-token").await;
    let before = token_calls();

    the_stack()
        .sandbox()
        .running()
        .advance(SignedDuration::from_hours(25));
    let lead = scene.submit("expired-token@example.com").await;

    scene.wait_for_status(&lead, "delivered").await;
    assert_eq!(token_calls(), before + 1, "one refresh, no more");
}

#[tokio::test]
async fn message_received_three_times_makes_only_one_call() {
    let _exclusive = exclusive().await;
    let scene = Scene::connected("thrice").await;

    let redeliver = async {
        let lead = scene.submit("thrice@example.com").await;
        let body = queue::next().await.unwrap();
        for _ in 0..3 {
            queue::send(&body, "thrice").await.unwrap();
        }
        lead
    };
    set_drain_enabled(false).await.unwrap();
    let lead = finally(redeliver, set_drain_enabled(true)).await;
    scene.wait_for_status(&lead, "delivered").await;
    queue::wait_until_empty().await.unwrap();

    assert_eq!(sign_ups("thrice@example.com"), 1);
}
