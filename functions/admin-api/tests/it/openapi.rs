use admin_api::routes::ROUTES;
use lambda_http::http::Method;
use serde_json::{Value, json};

use crate::document::Document;
use crate::stage::{Answer, Stage, event};

#[test]
fn openapi_document_describes_exactly_the_routes() {
    let mut routes: Vec<_> = ROUTES
        .iter()
        .map(|(method, path, _)| (method.to_string(), (*path).to_owned()))
        .collect();
    let mut described = Document::read().operations();
    routes.sort();
    described.sort();

    assert_eq!(routes, described);
}

#[test]
fn every_operation_describes_its_error_responses() {
    let document = Document::read();
    for (method, path, _) in &ROUTES {
        let operation = document.operation(method, path);
        let describes = |status: &str| operation["responses"][status].is_object();
        let takes_body =
            *method == Method::PUT || *method == Method::POST || *method == Method::PATCH;

        assert!(describes("401"), "{method} {path}");
        assert_eq!(
            operation["requestBody"].is_object(),
            takes_body,
            "{method} {path}"
        );
        for status in ["400", "413", "415"] {
            assert_eq!(describes(status), takes_body, "{method} {path}: {status}");
        }
        let takes_query = operation["parameters"].is_array();
        assert_eq!(
            describes("422"),
            takes_body || takes_query,
            "{method} {path}"
        );
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = document.resolve(response);
            let is_problem = response["content"]["application/problem+json"].is_object();
            assert_eq!(
                is_problem,
                status.as_str() >= "400",
                "{method} {path}: {status}"
            );
        }
    }
}

#[test]
#[should_panic(expected = "erased is not of type \"integer\"")]
fn property_of_the_wrong_type_fails_the_openapi_check() {
    let mut answer = Answer {
        status: 200,
        headers: Default::default(),
        body: json!({"erased": "1"}),
        bytes: Vec::new(),
    };
    let kind = "application/json".parse().unwrap();
    answer.headers.insert("content-type", kind);

    let path = "/v1/customers/engines/erasures";
    Document::read().check(&Method::POST, path, &answer);
}

/// Sends every described property with a value that no property can have: one that is read is refused for its value,
/// one that is not read would be refused as unknown.
#[tokio::test]
async fn every_described_property_of_a_body_is_read() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let document = Document::read();
    for (method, path, _) in &ROUTES {
        let content =
            &document.resolve(&document.operation(method, path)["requestBody"])["content"];
        let schema = &content["application/json"]["schema"];
        if schema.is_null() {
            continue;
        }
        let (known, required) = document.properties(schema);
        let invalid: Value = known
            .keys()
            .map(|name| ((*name).clone(), json!([[]])))
            .collect();
        let target = path
            .replace("{customer_id}", "engines")
            .replace("{form_id}", &form)
            .replace("{app_id}", "default");

        let answer = stage
            .send(event(method.as_str(), &target, Some(&invalid)))
            .await;
        let empty = stage
            .send(event(method.as_str(), &target, Some(&json!({}))))
            .await;

        let unread: Vec<_> = answer
            .field_errors()
            .into_iter()
            .filter(|(_, code)| *code == "unknown_property")
            .collect();
        assert_eq!(unread, [], "{method} {path}");
        let refused: Vec<_> = answer
            .field_errors()
            .into_iter()
            .map(|(field, _)| field.split('[').next().unwrap())
            .collect();
        assert!(
            known.keys().all(|name| refused.contains(&name.as_str())),
            "{method} {path}: {refused:?}"
        );
        let mut missing: Vec<_> = empty
            .field_errors()
            .into_iter()
            .map(|(field, _)| field)
            .collect();
        missing.sort_unstable();
        let mut required = required;
        required.sort_unstable();
        assert_eq!(missing, required, "{method} {path}");
    }
}
