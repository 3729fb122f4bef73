use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::scene::{Scene, shared};

#[tokio::test]
async fn bad_input_is_answered_with_its_own_status() {
    let _shared = shared().await;
    let scene = Scene::of("bad-input").await;
    let consented = |email: &str| json!({"email": email, "consent": {"given": true}});

    let without = json!({"email": "a@example.com", "consent": {"given": false}});
    let (status, body) = scene.post_json(&without).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    assert_eq!(body["errors"][0]["field"], "consent", "{body}");
    assert_eq!(
        scene.post_json(&consented("nobody")).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(
        scene.post_json(&json!("text")).await.0,
        StatusCode::BAD_REQUEST
    );
    let closed = format!("/v1/forms/{}", scene.form["form_id"].as_str().unwrap());
    scene
        .operator
        .done(Method::PATCH, &closed, Some(&json!({"open": false})))
        .await
        .unwrap();
    assert_eq!(
        scene.post_json(&consented("a@example.com")).await.0,
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
async fn a_browsers_preflight_is_answered_by_the_form() {
    let _shared = shared().await;
    let scene = Scene::of("preflight").await;
    let path = format!("/v1/forms/{}", scene.form["form_id"].as_str().unwrap());
    let allow = json!({"allowed_origins": ["https://shop.example"]});
    scene
        .operator
        .done(Method::PATCH, &path, Some(&allow))
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
