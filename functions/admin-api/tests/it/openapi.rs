use admin_api::routes::ROUTES;
use lambda_http::http::Method;
use serde_json::{Value, json};

use crate::document::Document;
use crate::stage::{Answer, Stage, event};

#[test]
fn every_route_is_described_and_nothing_else() {
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
fn every_operation_names_the_problems_it_can_end_in() {
    let document = Document::read();
    for (method, path, _) in &ROUTES {
        let operation = document.operation(method, path);
        let names = |status: &str| operation["responses"][status].is_object();
        let takes_body =
            *method == Method::PUT || *method == Method::POST || *method == Method::PATCH;

        assert!(names("401"), "{method} {path}");
        assert_eq!(
            operation["requestBody"].is_object(),
            takes_body,
            "{method} {path}"
        );
        for status in ["400", "413", "415"] {
            assert_eq!(names(status), takes_body, "{method} {path}: {status}");
        }
        let takes_query = operation["parameters"].is_array();
        assert_eq!(names("422"), takes_body || takes_query, "{method} {path}");
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
#[should_panic(expected = "erased is no \"integer\"")]
fn a_property_of_another_type_than_the_described_one_does_not_pass() {
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

/// Sends every described property with a value that no property can have: a described one is refused for its value,
/// one that nobody reads would be refused as unknown.
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
        let odd: Value = known
            .keys()
            .map(|name| ((*name).clone(), json!([[]])))
            .collect();
        let target = path
            .replace("{customer_id}", "engines")
            .replace("{form_id}", &form)
            .replace("{app_id}", "default");

        let answer = stage
            .send(event(method.as_str(), &target, Some(&odd)))
            .await;
        let nothing = stage
            .send(event(method.as_str(), &target, Some(&json!({}))))
            .await;

        let unread: Vec<_> = answer
            .faults()
            .into_iter()
            .filter(|(_, code)| *code == "unknown_property")
            .collect();
        assert_eq!(unread, [], "{method} {path}");
        let faulted: Vec<_> = answer
            .faults()
            .into_iter()
            .map(|(field, _)| field.split('[').next().unwrap())
            .collect();
        assert!(
            known.keys().all(|name| faulted.contains(&name.as_str())),
            "{method} {path}: {faulted:?}"
        );
        let mut missing: Vec<_> = nothing
            .faults()
            .into_iter()
            .map(|(field, _)| field)
            .collect();
        missing.sort_unstable();
        let mut required = required;
        required.sort_unstable();
        assert_eq!(missing, required, "{method} {path}");
    }
}
