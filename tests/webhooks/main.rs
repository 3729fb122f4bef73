//! A webhook signed by the library that Standard Webhooks publishes for Python, unchanged.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use lambda_http::{Body, Request, RequestExt as _};
use lead_webhook::handle;
use leadfeed_local::progress::Progress;
use leadfeed_local::tools::python_with;
use leadfeed_shared::fakes::{Memory, samples};
use leadfeed_shared::ports::Forms as _;
use secrecy::ExposeSecret as _;

const FORM: &str = "frm_01ARZ3NDEKTSV4RRFFQ69G5FAV";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/webhooks/sign.py");

/// Timestamp and signature made by the library.
async fn sign(secret: &str, message: &str, body: &str) -> (String, String) {
    let python = python_with(&Progress::new(), "webhooks").await.unwrap();
    let mut child = Command::new(python)
        .arg(SCRIPT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = format!("{secret}\n{message}\n{body}");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let (time, signature) = text.trim().split_once('\n').unwrap();
    (time.to_owned(), signature.to_owned())
}

fn request(body: &str, time: &str, signature: &str) -> Request {
    let path = format!("/hooks/{FORM}");
    lambda_http::http::Request::post(format!("https://leads.example{path}"))
        .header("content-type", "application/json")
        .header("webhook-id", "msg_1")
        .header("webhook-timestamp", time)
        .header("webhook-signature", signature)
        .body(Body::from(body))
        .unwrap()
        .with_raw_http_path(&path)
}

#[tokio::test]
async fn python_signed_webhook_is_accepted_and_a_tampered_body_is_rejected() {
    let memory = Memory::new(Timestamp::now());
    let form = samples::form();
    memory.directory.put_form(&form).await.unwrap();
    let secret = memory.keys().webhook_secret(&form.id, 1);
    let body = r#"{ "email": "ada@example.com", "first_name": "Adá", "consent": {"given": true} }"#;

    let (time, signature) = sign(secret.expose_secret(), "msg_1", body).await;
    let changed = body.replace("ada@", "eve@");
    let refused = handle(&memory.intake(), request(&changed, &time, &signature)).await;
    let accepted = handle(&memory.intake(), request(body, &time, &signature)).await;

    assert_eq!(refused.status(), 401);
    assert_eq!(accepted.status(), 202);
    assert_eq!(memory.ledger.all()[0].lead.contact.first_name, "Adá");
}
