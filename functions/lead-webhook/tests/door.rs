//! The public door, from gateway event to answer, on ports in memory.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::HashMap;

use jiff::Timestamp;
use lambda_http::http::header::{ACCEPT, LOCATION};
use lambda_http::{Body, Request, RequestExt as _, Response};
use lead_webhook::handle;
use leadfeed_shared::domain::form::{Form, statement};
use leadfeed_shared::fakes::Memory;
use leadfeed_shared::ports::Forms as _;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use standardwebhooks::Webhook;

const FORM_POST: &str = include_str!("../../../events/lead-form-post.json");
const JSON: &str = include_str!("../../../events/lead-json.json");
const FORM: &str = "frm_01ARZ3NDEKTSV4RRFFQ69G5FAV";

async fn world() -> (Memory, Form) {
    let memory = Memory::new(Timestamp::now());
    let since = Timestamp::UNIX_EPOCH;
    let form = Form {
        id: FORM.parse().unwrap(),
        customer: "engines".parse().unwrap(),
        name: "Newsletter".into(),
        statements: vec![
            statement(
                "Analytical Engines may mail me.",
                "Analytical Engines",
                1,
                since,
            )
            .unwrap(),
        ],
        consent_field: "consent".into(),
        lists: vec![],
        required: vec![],
        mapped: [].into(),
        constants: [].into(),
        allowed_origins: vec!["https://engines.example".into()],
        return_url: Some("https://engines.example/thanks".into()),
        return_hosts: vec![],
        webhook_generation: 2,
        open: true,
        created_at: since,
    };
    memory.directory.put_form(&form).await.unwrap();
    (memory, form)
}

fn event(json: &str) -> Request {
    lambda_http::request::from_str(json).unwrap()
}

/// A request of the given kind, as a program sends it.
fn request(method: &str, path: &str, kind: &str, body: &str) -> Request {
    let request = lambda_http::http::Request::builder()
        .method(method)
        .uri(format!("https://leads.example{path}"));
    let request = if kind.is_empty() {
        request
    } else {
        request.header("content-type", kind)
    };
    request
        .body(Body::from(body))
        .unwrap()
        .with_raw_http_path(path)
}

fn json(response: &Response<Body>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

fn text(response: &Response<Body>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

#[tokio::test]
async fn a_browsers_post_is_kept_and_sent_on_to_the_forms_page() {
    let (memory, _) = world().await;

    let answer = handle(&memory.intake(), event(FORM_POST)).await;

    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()[LOCATION], "https://engines.example/thanks");
    let lead = &memory.ledger.all()[0].lead;
    assert_eq!(lead.consent.ip.as_deref(), Some("192.0.2.7"));
    assert_eq!(
        lead.consent.page_url.as_deref(),
        Some("https://engines.example/newsletter")
    );
    assert_eq!(lead.contact.first_name, "Ada");
}

#[tokio::test]
async fn a_json_lead_is_answered_with_its_id_and_the_pages_origin_may_read_it() {
    let (memory, _) = world().await;

    let answer = handle(&memory.intake(), event(JSON)).await;

    assert_eq!(answer.status(), 202);
    assert_eq!(
        json(&answer)["lead_id"],
        memory.ledger.all()[0].lead.id.as_str()
    );
    assert_eq!(json(&answer)["status"], "queued");
    assert_eq!(
        answer.headers()["access-control-allow-origin"],
        "https://engines.example"
    );
}

#[tokio::test]
async fn bad_input_gets_its_own_answer_and_never_a_5xx() {
    let (memory, form) = world().await;
    let closed = Form {
        id: "frm_01ARZ3NDEKTSV4RRFFQ69G5FAA".parse().unwrap(),
        open: false,
        ..form
    };
    memory.directory.put_form(&closed).await.unwrap();
    let ours = format!("/f/{FORM}");
    let large = format!("{{\"email\":\"{}\"}}", "a".repeat(70_000));

    for (method, path, kind, body, status, code) in [
        (
            "POST",
            "/f/frm_01ARZ3NDEKTSV4RRFFQ69G5FAB",
            "application/json",
            "{}",
            404,
            "not_found",
        ),
        (
            "POST",
            "/f/no-form",
            "application/json",
            "{}",
            404,
            "not_found",
        ),
        (
            "POST",
            "/f/frm_01ARZ3NDEKTSV4RRFFQ69G5FAA",
            "application/json",
            "{}",
            410,
            "form_closed",
        ),
        (
            "POST",
            &ours,
            "application/json",
            "{\"email\":",
            400,
            "malformed_json",
        ),
        ("POST", &ours, "application/json", "{}", 400, "empty_body"),
        (
            "POST",
            &ours,
            "application/json",
            "{\"email\":\"ada@example.com\"}",
            422,
            "consent_required",
        ),
        (
            "POST",
            &ours,
            "application/json",
            "{\"email\":\"ada\",\"consent\":true}",
            422,
            "email_malformed",
        ),
        (
            "POST",
            &ours,
            "application/json",
            "{\"consent\":true}",
            422,
            "email_missing",
        ),
        (
            "POST",
            &ours,
            "application/json",
            "{\"email\":\"ada@example.com\",\"consent\":true,\"source\":\"purchased\"}",
            422,
            "source_not_permitted",
        ),
        (
            "POST",
            &ours,
            "application/pdf",
            "%PDF",
            415,
            "unsupported_media_type",
        ),
        (
            "POST",
            &ours,
            "application/json",
            &large,
            413,
            "body_too_large",
        ),
        (
            "PUT",
            &ours,
            "application/json",
            "{}",
            405,
            "method_not_allowed",
        ),
        ("GET", "/hooks/x", "", "", 405, "method_not_allowed"),
        ("POST", "/", "", "", 404, "not_found"),
        (
            "POST",
            "/hooks/frm_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "application/json",
            "{}",
            401,
            "invalid_signature",
        ),
        (
            "POST",
            "/servlet/servlet.WebToLead",
            "application/x-www-form-urlencoded",
            "oid=1",
            404,
            "not_found",
        ),
    ] {
        let answer = handle(&memory.intake(), request(method, path, kind, body)).await;

        assert_eq!(answer.status(), status, "{method} {path} {code}");
        assert_eq!(
            answer.headers()["content-type"],
            "application/problem+json",
            "{code}"
        );
        assert_eq!(json(&answer)["code"], code);
    }
    assert!(memory.ledger.all().is_empty());
    assert!(memory.queue.sent().is_empty());
}

#[tokio::test]
async fn a_person_sees_what_to_correct_and_keeps_what_was_typed() {
    let (memory, _) = world().await;
    let kind = "application/x-www-form-urlencoded";
    let body = "email=ada&first_name=%3Cscript%3E&custom_fields%5BEngine%5D=difference";
    let mut request = request("POST", &format!("/f/{FORM}"), kind, body);
    request
        .headers_mut()
        .insert(ACCEPT, "text/html".parse().unwrap());

    let answer = handle(&memory.intake(), request).await;

    assert_eq!(answer.status(), 422);
    let page = text(&answer);
    assert!(page.contains("value=\"ada\""));
    assert!(page.contains("&#60;script&#62;") && !page.contains("<script>"));
    assert!(page.contains("value=\"difference\""));
    assert!(page.contains("this does not look like an email address"));
    assert!(page.contains("the person has to agree to be mailed"));
}

#[tokio::test]
async fn the_hosted_form_is_empty_whatever_the_query_says() {
    let (memory, _) = world().await;
    let query = HashMap::from([("email".to_owned(), vec!["SENTINEL".to_owned()])]);
    let request = request("GET", &format!("/f/{FORM}"), "", "").with_query_string_parameters(query);

    let answer = handle(&memory.intake(), request).await;

    assert_eq!(answer.status(), 200);
    assert!(text(&answer).contains("Analytical Engines may mail me."));
    assert!(!text(&answer).contains("SENTINEL"));
    assert!(
        text(&answer).contains(r#"<input type="checkbox" name="consent" value="yes" required>"#)
    );
}

#[tokio::test]
async fn a_foreign_return_address_is_not_followed_and_the_lead_is_kept() {
    let (memory, _) = world().await;
    let mut request = event(FORM_POST);
    *request.body_mut() =
        Body::from("email=ada%40example.com&consent=yes&return_url=https%3A%2F%2Fevil.example%2F");

    let answer = handle(&memory.intake(), request).await;

    assert_eq!(answer.headers()[LOCATION], "https://engines.example/thanks");
    assert_eq!(memory.ledger.all().len(), 1);
}

#[tokio::test]
async fn a_salesforce_form_works_with_its_id_and_an_opt_in_box() {
    let (memory, _) = world().await;
    let body = format!(
        "oid={FORM}&retURL=https%3A%2F%2Fengines.example%2Fok&first_name=Ada&last_name=Lovelace&\
         email=ada%40example.com&company=Engines&title=Countess&phone=555&zip=W1&consent=on"
    );
    let kind = "application/x-www-form-urlencoded";
    let mut request = request("POST", "/servlet/servlet.WebToLead", kind, &body);
    request
        .headers_mut()
        .insert(ACCEPT, "text/html".parse().unwrap());

    let answer = handle(&memory.intake(), request).await;

    assert_eq!(answer.headers()[LOCATION], "https://engines.example/ok");
    let contact = memory.ledger.all()[0].lead.contact.clone();
    assert_eq!(
        (contact.company_name.as_str(), contact.job_title.as_str()),
        ("Engines", "Countess")
    );
    assert_eq!(contact.street_address.postal_code, "W1");
}

#[tokio::test]
async fn a_webhook_is_taken_by_this_secret_or_the_one_before_it() {
    let (memory, form) = world().await;
    let body = r#"{"email":"ada@example.com","consent":true}"#;
    let signed = |generation: u32, seconds_ago: i64| {
        let secret = memory.keys().webhook_secret(&form.id, generation);
        let at = Timestamp::now().as_second() - seconds_ago;
        let signature = Webhook::new(secret.expose_secret())
            .unwrap()
            .sign("msg_1", at, body.as_bytes())
            .unwrap();
        let mut request = request("POST", &format!("/hooks/{FORM}"), "application/json", body);
        for (name, value) in [
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", &at.to_string()),
            ("webhook-signature", &signature),
        ] {
            request.headers_mut().insert(
                lambda_http::http::HeaderName::try_from(name).unwrap(),
                value.parse().unwrap(),
            );
        }
        request
    };

    for (generation, seconds_ago, status) in [
        (2, 0, 202),
        (1, 0, 202),
        (3, 0, 401),
        (2, 400, 401),
        (2, -400, 401),
    ] {
        let answer = handle(&memory.intake(), signed(generation, seconds_ago)).await;
        assert_eq!(answer.status(), status, "{generation} {seconds_ago}");
    }
    let mut tampered = signed(2, 0);
    *tampered.body_mut() = Body::from(body.replace("ada", "eve"));
    assert_eq!(handle(&memory.intake(), tampered).await.status(), 401);
}

#[tokio::test]
async fn only_an_allowed_origin_may_ask_by_script() {
    let (memory, _) = world().await;
    let ask = |origin: &str| {
        let mut request = request("OPTIONS", &format!("/f/{FORM}"), "", "");
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        request
    };

    let allowed = handle(&memory.intake(), ask("https://engines.example")).await;
    let foreign = handle(&memory.intake(), ask("https://evil.example")).await;

    assert_eq!(allowed.status(), 204);
    assert_eq!(
        allowed.headers()["access-control-allow-origin"],
        "https://engines.example"
    );
    assert!(
        !foreign
            .headers()
            .contains_key("access-control-allow-origin")
    );
    assert!(
        !foreign
            .headers()
            .contains_key("access-control-allow-methods")
    );
}
