//! What a person and a script see where a lead cannot be taken.

use lambda_http::http::header::{ACCEPT, RETRY_AFTER};
use lambda_http::{Body, Request, Response};
use lead_webhook::handle;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::fakes::{Fault, Memory};
use leadfeed_shared::ports::Forms as _;

use crate::stage::{FORM, json, request, text, world};
use crate::webhooks::{ADA, signed};

fn browsers_post() -> Request {
    let body = "email=ada%40example.com&consent=yes&first_name=Ada";
    let kind = "application/x-www-form-urlencoded";
    let mut request = request("POST", &format!("/f/{FORM}"), kind, body);
    request
        .headers_mut()
        .insert(ACCEPT, "text/html".parse().unwrap());
    request
}

async fn from_page(memory: &Memory, method: &str, path: &str) -> Response<Body> {
    let body = r#"{"email":"ada@example.com","consent":{"given":true}}"#;
    let mut request = request(method, path, "application/json", body);
    let origin = "https://engines.example".parse().unwrap();
    request.headers_mut().insert("origin", origin);
    handle(&memory.intake(), request).await
}

fn keeps_what_was_typed(answer: &Response<Body>) -> bool {
    let page = text(answer);
    page.contains(r#"role="alert""#)
        && page.contains(r#"name="email" value="ada@example.com""#)
        && page.contains(r#"name="first_name" value="Ada""#)
}

#[tokio::test]
async fn a_person_at_an_outage_keeps_what_was_typed_and_may_press_again() {
    let (memory, _) = world().await;
    // After the form is read: neither the queue nor the table takes it.
    let steps = memory.faults.steps();
    memory.faults.at(steps + 2, Fault::FailBefore);
    memory.faults.at(steps + 3, Fault::FailBefore);

    let down = handle(&memory.intake(), browsers_post()).await;
    let again = handle(&memory.intake(), browsers_post()).await;

    assert_eq!(down.status(), 503);
    assert_eq!(down.headers()[RETRY_AFTER], "5");
    assert!(keeps_what_was_typed(&down), "{}", text(&down));
    assert_eq!(again.status(), 303);
    assert_eq!(memory.ledger.all().len(), 1);
}

#[tokio::test]
async fn a_person_at_a_flooded_form_keeps_what_was_typed() {
    let (memory, mut form) = world().await;
    form.screening.rates.per_minute = 0;
    memory.directory.put_form(&form).await.unwrap();

    let full = handle(&memory.intake(), browsers_post()).await;

    assert_eq!(full.status(), 429);
    assert!(full.headers().contains_key(RETRY_AFTER));
    assert!(keeps_what_was_typed(&full), "{}", text(&full));
}

#[tokio::test]
async fn a_script_on_an_allowed_page_can_read_why_a_lead_was_not_taken() {
    let (memory, form) = world().await;
    let path = format!("/f/{FORM}");
    let closed = Form {
        open: false,
        ..form
    };
    memory.directory.put_form(&closed).await.unwrap();

    for (method, path, status) in [
        ("POST", path.clone(), 410),
        ("GET", format!("{path}/time"), 410),
        ("OPTIONS", path, 204),
    ] {
        let answer = from_page(&memory, method, &path).await;

        assert_eq!(answer.status(), status);
        let headers = answer.headers();
        assert_eq!(
            headers["access-control-allow-origin"],
            "https://engines.example"
        );
        assert_eq!(headers["access-control-expose-headers"], "retry-after");
        if status == 410 {
            assert_eq!(json(&answer)["code"], "form_closed");
        }
    }
}

#[tokio::test]
async fn a_closed_form_takes_nothing_by_any_door() {
    let (memory, form) = world().await;
    let closed = Form {
        open: false,
        ..form
    };
    memory.directory.put_form(&closed).await.unwrap();
    let salesforces = "/servlet/servlet.WebToLead";
    let body = format!("oid={FORM}&email=ada%40example.com&consent=on");
    let kind = "application/x-www-form-urlencoded";

    for request in [
        request("GET", &format!("/f/{FORM}"), "", ""),
        request("POST", &format!("/f/{FORM}"), kind, &body),
        request("POST", salesforces, kind, &body),
        signed(&memory, 2, "msg_1", 0, ADA),
    ] {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let answer = handle(&memory.intake(), request).await;

        assert_eq!(answer.status(), 410, "{method} {uri}");
        assert_eq!(json(&answer)["code"], "form_closed", "{method} {uri}");
    }
    assert!(memory.ledger.all().is_empty());
    assert!(memory.queue.sent().is_empty());
}

#[tokio::test]
async fn an_address_says_which_methods_it_takes() {
    let (memory, _) = world().await;
    let form = format!("/f/{FORM}");
    for (method, path, allowed) in [
        ("PUT", form.clone(), "GET, HEAD, POST, OPTIONS"),
        ("POST", format!("{form}/time"), "GET, HEAD"),
        ("DELETE", format!("{form}/thanks"), "GET, HEAD"),
        ("GET", format!("/hooks/{FORM}"), "POST"),
        ("HEAD", "/servlet/servlet.WebToLead".to_owned(), "POST"),
    ] {
        let answer = handle(&memory.intake(), request(method, &path, "", "")).await;

        assert_eq!(answer.status(), 405, "{method} {path}");
        assert_eq!(answer.headers()["allow"], allowed);
    }
    for path in [
        form.clone(),
        format!("{form}/"),
        format!("/{form}"),
        format!("{form}/time"),
        format!("{form}/thanks"),
    ] {
        let answer = handle(&memory.intake(), request("HEAD", &path, "", "")).await;
        assert_eq!(answer.status(), 200, "{path}");
    }
}
