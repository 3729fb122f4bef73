use cc_sandbox::contract::Permission;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::queue::{self, drain_is};
use crate::scene::{Scene, alone, contact, finally, shared, sign_ups, the_stack, token_calls};

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
        .until(body["lead_id"].as_str().unwrap(), "delivered")
        .await;

    let contact = contact("form-post@example.com").unwrap();
    assert_eq!(lead["contact_id"], contact.id.to_string());
    assert_eq!(contact.first_name.as_deref(), Some("Ada"));
    assert_eq!(contact.permission, Permission::Explicit);
}

#[tokio::test]
async fn a_json_lead_is_on_the_list_the_customer_chose() {
    let _shared = shared().await;
    let scene = Scene::connected("json-post").await;

    let lead = scene.submit("json-post@example.com").await;
    let lead = scene.until(&lead, "delivered").await;

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
async fn a_lead_waits_for_its_customer_to_connect_and_is_delivered_then() {
    let _shared = shared().await;
    let scene = Scene::of("connects-later").await;

    let lead = scene.submit("connects-later@example.com").await;
    let waiting = scene.until(&lead, "waiting").await;
    assert_eq!(waiting["why"], "not_connected");
    scene.connect().await;

    scene.until(&lead, "delivered").await;
    assert_eq!(sign_ups("connects-later@example.com"), 1);
}

#[tokio::test]
async fn an_access_token_that_expired_is_refreshed_on_the_way() {
    let _alone = alone().await;
    let scene = Scene::connected("expired-token").await;
    let before = token_calls();

    the_stack()
        .sandbox()
        .running()
        .advance(SignedDuration::from_hours(25));
    let lead = scene.submit("expired-token@example.com").await;

    scene.until(&lead, "delivered").await;
    assert_eq!(token_calls(), before + 1, "one refresh, no more");
}

#[tokio::test]
async fn a_message_that_comes_three_times_makes_one_call() {
    let _alone = alone().await;
    let scene = Scene::connected("thrice").await;

    let comes_thrice = async {
        let lead = scene.submit("thrice@example.com").await;
        let body = queue::next().await.unwrap();
        for _ in 0..3 {
            queue::send(&body, "thrice").await.unwrap();
        }
        lead
    };
    drain_is(false).await.unwrap();
    let lead = finally(comes_thrice, drain_is(true)).await;
    scene.until(&lead, "delivered").await;
    queue::until_empty().await.unwrap();

    assert_eq!(sign_ups("thrice@example.com"), 1);
}
