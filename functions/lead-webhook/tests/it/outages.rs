//! What a person and a script see if a lead cannot be accepted.

use lambda_http::http::header::{ACCEPT, RETRY_AFTER};
use lambda_http::{Body, Request, Response};
use lead_webhook::handle;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::fakes::{Fault, Memory};
use leadfeed_shared::ports::Forms as _;

use crate::stage::{FORM, json, request, text, world};
use crate::webhooks::{ADA, signed};

fn browser_post() -> Request {
    let body = "email=ada%40example.com&consent=yes&first_name=Ada";
    let kind = "application/x-www-form-urlencoded";
    let mut request = request("POST", &format!("/f/{FORM}"), kind, body);
    request
        .headers_mut()
        .insert(ACCEPT, "text/html".parse().unwrap());
    request
}

async fn from_script(memory: &Memory, method: &str, path: &str) -> Response<Body> {
    let body = r#"{"email":"ada@example.com","consent":{"given":true}}"#;
    let mut request = request(method, path, "application/json", body);
    let origin = "https://engines.example".parse().unwrap();
    request.headers_mut().insert("origin", origin);
    handle(&memory.intake(), request).await
}

fn keeps_input(answer: &Response<Body>) -> bool {
    let page = text(answer);
    page.contains(r#"role="alert""#)
        && page.contains(r#"name="email" value="ada@example.com""#)
        && page.contains(r#"name="first_name" value="Ada""#)
        && page.contains("tick the box before you send it again")
}

#[tokio::test]
async fn outage_page_keeps_the_input_and_resubmitting_works() {
    let (memory, _) = world().await;
    // After the form is read, both the queue and the table fail.
    let steps = memory.faults.steps();
    memory.faults.at(steps + 2, Fault::FailBefore);
    memory.faults.at(steps + 3, Fault::FailBefore);

    let down = handle(&memory.intake(), browser_post()).await;
    let again = handle(&memory.intake(), browser_post()).await;

    assert_eq!(down.status(), 503);
    assert_eq!(down.headers()[RETRY_AFTER], "5");
    assert!(keeps_input(&down), "{}", text(&down));
    assert_eq!(again.status(), 303);
    assert_eq!(memory.ledger.all().len(), 1);
}

#[tokio::test]
async fn rate_limited_page_keeps_the_input() {
    let (memory, mut form) = world().await;
    form.screening.rates.per_minute = 0;
    memory.directory.put_form(&form).await.unwrap();

    let full = handle(&memory.intake(), browser_post()).await;

    assert_eq!(full.status(), 429);
    assert!(full.headers().contains_key(RETRY_AFTER));
    assert!(keeps_input(&full), "{}", text(&full));
}

#[tokio::test]
async fn script_on_an_allowed_origin_can_read_that_the_form_is_closed() {
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
        let answer = from_script(&memory, method, &path).await;

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
async fn closed_form_is_refused_on_every_endpoint() {
    let (memory, form) = world().await;
    let closed = Form {
        open: false,
        ..form
    };
    memory.directory.put_form(&closed).await.unwrap();
    let servlet = "/servlet/servlet.WebToLead";
    let body = format!("oid={FORM}&email=ada%40example.com&consent=on");
    let kind = "application/x-www-form-urlencoded";

    for request in [
        request("GET", &format!("/f/{FORM}"), "", ""),
        request("POST", &format!("/f/{FORM}"), kind, &body),
        request("POST", servlet, kind, &body),
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
async fn each_path_reports_its_allowed_methods() {
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
