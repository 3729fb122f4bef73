use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::scene::{Scene, shared};

#[tokio::test]
async fn each_kind_of_bad_input_gets_its_own_status() {
    let _shared = shared().await;
    let scene = Scene::new("bad-input").await;
    let with_consent = |email: &str| json!({"email": email, "consent": {"given": true}});

    let without_consent = json!({"email": "a@example.com", "consent": {"given": false}});
    let (status, body) = scene.post_json(&without_consent).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    assert_eq!(body["errors"][0]["field"], "consent", "{body}");
    assert_eq!(
        scene.post_json(&with_consent("nobody")).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        scene.post_json(&json!("text")).await.0,
        StatusCode::BAD_REQUEST
    );
    let form = format!("/v1/forms/{}", scene.form["form_id"].as_str().unwrap());
    scene
        .operator
        .call_ok(Method::PATCH, &form, Some(&json!({"open": false})))
        .await
        .unwrap();
    assert_eq!(
        scene.post_json(&with_consent("a@example.com")).await.0,
        StatusCode::GONE
    );
    for (path, status) in [
        ("/f/frm_01KB0000000000000000000000", StatusCode::NOT_FOUND),
        ("/connect/nothing", StatusCode::FORBIDDEN),
        (
            "/oauth/callback?state=unknown&code=x",
            StatusCode::BAD_REQUEST,
        ),
        ("/v1/customers", StatusCode::OK),
        (
            "/hooks/frm_01KB0000000000000000000000",
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        ("/servlet/servlet.WebToLead", StatusCode::METHOD_NOT_ALLOWED),
        ("/.well-known/jwks.json", StatusCode::OK),
        ("/nowhere", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(
            scene
                .operator
                .call(Method::GET, path, None)
                .await
                .unwrap()
                .0,
            status,
            "{path}"
        );
    }
}

#[tokio::test]
async fn cors_preflight_is_answered_for_an_allowed_origin() {
    let _shared = shared().await;
    let scene = Scene::new("preflight").await;
    let path = format!("/v1/forms/{}", scene.form["form_id"].as_str().unwrap());
    let allow = json!({"allowed_origins": ["https://shop.example"]});
    scene
        .operator
        .call_ok(Method::PATCH, &path, Some(&allow))
        .await
        .unwrap();

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.request(Method::OPTIONS, scene.form["submit_url"].as_str().unwrap());
    let request = request
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST");
    let answer = request.send().await.unwrap();

    assert_eq!(
        answer.headers()["access-control-allow-origin"],
        "https://shop.example"
    );
}
