use leadfeed_shared::fakes::Fault;
use serde_json::{Value, json};

use crate::stage::{Stage, event};

#[tokio::test]
async fn request_without_a_valid_token_gets_401() {
    let stage = Stage::with_customers().await;
    let with = |authorization: Option<&str>| {
        let mut event = event("GET", "/v1/customers/engines", None);
        event["headers"]["authorization"] = json!(authorization);
        if authorization.is_none() {
            event["headers"]
                .as_object_mut()
                .unwrap()
                .remove("authorization");
        }
        event
    };

    for bad in [
        None,
        Some(""),
        Some("Bearer wrong"),
        Some("Basic test-admin-token"),
        Some("test-admin-token"),
    ] {
        let answer = stage.send(with(bad)).await;
        assert_eq!(
            (answer.status, answer.text("code")),
            (401, "unauthorized".into()),
            "{bad:?}"
        );
        assert_eq!(
            answer.headers["www-authenticate"],
            "Bearer realm=\"leadfeed\""
        );
        assert!(!answer.body.to_string().contains("Analytical"));
    }
    for good in ["Bearer test-admin-token", "Bearer next-token"] {
        assert_eq!(stage.send(with(Some(good))).await.status, 200);
    }
}

#[tokio::test]
async fn unknown_path_gets_404_and_wrong_method_gets_405_with_allow() {
    let stage = Stage::new();

    for path in [
        "/",
        "/v1",
        "/v1/nothing",
        "/v1/customers/a/b/c",
        "/.well-known/other",
    ] {
        let answer = stage.get(path).await;
        assert_eq!(
            (answer.status, answer.text("code")),
            (404, "not_found".into()),
            "{path}"
        );
    }
    let answer = stage
        .send(event("POST", "/v1/customers/engines", None))
        .await;
    assert_eq!(
        (answer.status, answer.text("code")),
        (405, "method_not_allowed".into())
    );
    assert_eq!(answer.headers["allow"], "PUT, GET, DELETE");
}

#[tokio::test]
async fn body_must_be_json_of_limited_size() {
    let stage = Stage::with_customers().await;
    let put = |kind: Option<&str>, body: &str| {
        let mut event = event("PUT", "/v1/customers/engines", Some(&Value::Null));
        event["headers"]["content-type"] = json!(kind.unwrap_or_default());
        if kind.is_none() {
            event["headers"]
                .as_object_mut()
                .unwrap()
                .remove("content-type");
        }
        event["body"] = body.into();
        event
    };
    let good = r#"{"name":"A","brand":"A"}"#;
    let large = format!(r#"{{"name":"{}"}}"#, "a".repeat(64 * 1024));
    let deep = format!("{{\"name\":{}1{}}}", "[".repeat(300), "]".repeat(300));

    for (kind, body, status, code) in [
        (Some("application/json; charset=utf-8"), good, 200, ""),
        (Some("text/plain"), good, 415, "unsupported_media_type"),
        (
            Some("application/x-www-form-urlencoded"),
            "name=A",
            415,
            "unsupported_media_type",
        ),
        (None, good, 415, "unsupported_media_type"),
        (Some("application/json"), &large, 413, "too_large"),
        (Some("application/json"), "{", 400, "malformed_json"),
        (Some("application/json"), "[]", 400, "malformed_json"),
        (
            Some("application/json"),
            "{\"name\":1e999}",
            400,
            "malformed_json",
        ),
        (
            Some("application/json"),
            "{\"name\":\"\\ud800\"}",
            400,
            "malformed_json",
        ),
        (Some("application/json"), &deep, 400, "malformed_json"),
        (Some("application/json"), "", 422, "invalid"),
    ] {
        let answer = stage.send(put(kind, body)).await;
        assert_eq!(
            (answer.status, answer.text("code")),
            (status, code.into()),
            "{kind:?} {body:.40}"
        );
    }
}

/// Fails each step of a request in turn, then lets it succeed.
#[tokio::test]
async fn failure_at_any_step_gets_503_and_the_same_request_succeeds_later() {
    let form = json!({"name": "News", "consent_statement": "Analytical Engines may mail me."});
    let customer = json!({"name": "Engines", "brand": "Analytical Engines"});
    let person = json!({"email": "ada@example.com"});
    for (method, target, body, steps) in [
        ("GET", "/v1/customers", None, 2),
        ("PUT", "/v1/customers/engines", Some(&customer), 2),
        ("DELETE", "/v1/customers/engines", None, 5),
        ("POST", "/v1/customers/engines/connect-links", None, 2),
        ("DELETE", "/v1/customers/engines/manage-links", None, 2),
        ("POST", "/v1/customers/engines/forms", Some(&form), 3),
        ("GET", "/v1/customers/engines/leads", None, 2),
        ("GET", "/v1/customers/engines/counts", None, 2),
        ("POST", "/v1/customers/engines/people", Some(&person), 3),
        ("GET", "/v1/budget", None, 2),
    ] {
        let stage = Stage::with_customers().await;
        let faults = &stage.memory.faults;
        for step in 1..=steps {
            faults.at(faults.steps() + step, Fault::FailBefore);
            let answer = stage.send(event(method, target, body)).await;
            assert_eq!(answer.status, 503, "{method} {target}: step {step}");
            assert_eq!(answer.text("code"), "unavailable");
            assert_eq!(answer.headers["retry-after"], "5");
        }
        let answer = stage.send(event(method, target, body)).await;
        assert!(answer.status < 300, "{method} {target}: {}", answer.body);
    }
}
