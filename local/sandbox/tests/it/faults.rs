//! Tests of each fault, as a client sees it.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::lab::{LISTS, Lab, SIGN_UP};

#[tokio::test]
async fn fault_replaces_the_given_number_of_answers_and_then_ends() {
    let lab = Lab::start().await;
    let answer = json!({ "status": 503, "headers": { "retry-after": "7" }, "body": "later" });
    lab.fault(json!({ "on": { "route": LISTS }, "times": 2, "action": { "answer": answer } }))
        .await;
    for _ in 0..2 {
        let failed = lab.get(LISTS).await.unwrap();
        assert_eq!(failed.status(), 503);
        assert_eq!(failed.headers()["retry-after"], "7");
        assert_eq!(failed.text().await.unwrap(), "later");
    }
    assert_eq!(lab.status(LISTS).await, 200);
}

#[tokio::test]
async fn fault_for_one_address_does_not_affect_others() {
    let lab = Lab::start().await;
    let on = json!({ "route": SIGN_UP, "address": "Ada@c.example" });
    lab.fault(json!({ "on": on, "action": { "empty": { "status": 500 } } }))
        .await;
    assert_eq!(lab.sign_up("bob@c.example").await.unwrap().status(), 201);
    let failed = lab.sign_up("ada@c.example").await.unwrap();
    assert_eq!(failed.status(), 500);
    assert_eq!(failed.text().await.unwrap(), "");
}

#[tokio::test]
async fn connection_cut_before_the_effect_creates_no_contact() {
    let lab = Lab::start().await;
    lab.fault(json!({ "on": { "route": SIGN_UP }, "times": 1, "action": "cut" }))
        .await;
    assert!(lab.sign_up("a@c.example").await.is_err());
    assert_eq!(lab.contacts("a@c.example").await, json!([]));
}

#[tokio::test]
async fn connection_cut_after_the_effect_keeps_the_contact() {
    let lab = Lab::start().await;
    let fault =
        json!({ "on": { "route": SIGN_UP }, "times": 1, "after_effect": true, "action": "cut" });
    lab.fault(fault).await;
    assert!(lab.sign_up("a@c.example").await.is_err());
    assert_eq!(
        lab.contacts("a@c.example").await.as_array().unwrap().len(),
        1
    );

    let entry = &lab.journal(&format!("route={SIGN_UP}")).await[0];
    assert_eq!(
        (&entry["status"], &entry["outcome"]),
        (&json!(null), &json!("cut"))
    );
}

#[tokio::test]
async fn cut_body_breaks_off_after_a_200_status() {
    let lab = Lab::start().await;
    lab.fault(json!({ "times": 1, "action": "cut_body" })).await;
    let response = lab.get(LISTS).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn delay_postpones_the_answer_and_slow_body_spreads_it_out() {
    let lab = Lab::start().await;
    lab.fault(json!({ "times": 1, "action": { "delay": { "ms": 150 } } }))
        .await;
    let started = Instant::now();
    assert_eq!(lab.status(LISTS).await, 200);
    assert!(started.elapsed() >= Duration::from_millis(150));

    lab.fault(json!({ "times": 1, "action": { "slow_body": { "pieces": 3, "pause_ms": 60 } } }))
        .await;
    let slow = lab.get(LISTS).await.unwrap();
    let headers_at = Instant::now();
    slow.json::<serde_json::Value>().await.unwrap();
    assert!(headers_at.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn huge_body_has_the_requested_length() {
    let lab = Lab::start().await;
    lab.fault(json!({ "times": 1, "action": { "huge_body": { "bytes": 3_000_001 } } }))
        .await;
    assert_eq!(
        lab.get(LISTS).await.unwrap().bytes().await.unwrap().len(),
        3_000_001
    );
}

#[tokio::test]
async fn redirect_malformed_json_and_html_are_answered_as_requested() {
    let lab = Lab::start().await;
    let redirect = json!({ "status": 302, "location": "http://127.0.0.1:9/" });
    lab.fault(json!({ "times": 1, "action": { "redirect": redirect } }))
        .await;
    assert_eq!(
        lab.get(LISTS).await.unwrap().headers()["location"],
        "http://127.0.0.1:9/"
    );

    lab.fault(json!({ "times": 1, "action": "malformed_json" }))
        .await;
    let broken = lab.get(LISTS).await.unwrap();
    assert_eq!(broken.headers()["content-type"], "application/json");
    assert!(broken.json::<serde_json::Value>().await.is_err());

    lab.fault(json!({ "times": 1, "action": { "html": { "status": 503 } } }))
        .await;
    let html = lab.get(LISTS).await.unwrap();
    assert_eq!(html.status(), 503);
    assert!(
        html.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
}

#[tokio::test]
async fn api_errors_can_be_injected() {
    let lab = Lab::start().await;
    let cases = [
        (json!("unauthorized"), 401, "unauthorized"),
        (
            json!({ "forbidden": { "because": "scope" } }),
            403,
            "forbidden",
        ),
        (
            json!({ "forbidden": { "because": "privilege" } }),
            403,
            "forbidden",
        ),
        (
            json!({ "forbidden": { "because": "app_deactivated" } }),
            403,
            "forbidden",
        ),
        (json!("throttled"), 429, "throttled"),
        (json!("quota_exceeded"), 429, "quota_exceeded"),
    ];
    for (action, status, key) in cases {
        lab.fault(json!({ "times": 1, "action": action })).await;
        let refused = lab.get(LISTS).await.unwrap();
        assert_eq!(refused.status(), status);
        assert_eq!(
            refused.json::<serde_json::Value>().await.unwrap()["error_key"],
            key
        );
    }
    assert_eq!(lab.status(LISTS).await, 200);
}

#[tokio::test]
async fn gateway_error_can_be_injected() {
    let lab = Lab::start().await;
    let gateway = json!({ "gateway": { "status": 403, "message": "Forbidden" } });
    lab.fault(json!({ "times": 1, "action": gateway })).await;

    let refused = lab.get(LISTS).await.unwrap();

    assert_eq!(refused.status(), 403);
    let body: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(body, json!({ "message": "Forbidden" }));
    assert_eq!(lab.status(LISTS).await, 200);
}

#[tokio::test]
async fn several_validation_errors_can_be_injected_at_once() {
    let lab = Lab::start().await;
    let messages = ["phone_number is invalid", "street_address is too long"];
    let invalid = json!({ "invalid": { "messages": messages } });
    lab.fault(json!({ "on": { "route": SIGN_UP }, "times": 1, "action": invalid }))
        .await;

    let refused = lab.sign_up("ada@c.example").await.unwrap();

    assert_eq!(refused.status(), 400);
    let body: serde_json::Value = refused.json().await.unwrap();
    for (error, message) in body.as_array().unwrap().iter().zip(messages) {
        assert_eq!(error["error_key"], "contacts.api.validation.error");
        assert_eq!(error["error_message"], message);
    }
    assert_eq!(body.as_array().unwrap().len(), 2);
    assert_eq!(lab.sign_up("ada@c.example").await.unwrap().status(), 201);
}

#[tokio::test]
async fn token_endpoint_error_can_be_injected() {
    let lab = Lab::start().await;
    let route = "/oauth2/default/v1/token";
    lab.fault(json!({ "on": { "route": route, "client_id": "app" }, "times": 1, "action": "invalid_grant" })).await;
    let request = lab.http.post(format!("{}{route}", lab.sandbox.url()));
    let request = request
        .basic_auth("app", Some("secret"))
        .header("accept", "application/json");
    let reply = request.form(&[("grant_type", "refresh_token"), ("refresh_token", "x")]);
    let body: serde_json::Value = reply.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        body["error_description"],
        "The refresh token is invalid or expired."
    );
    assert_eq!(lab.journal(&format!("route={route}")).await[0]["fault"], 1);
}
