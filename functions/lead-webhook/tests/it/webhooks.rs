use lambda_http::http::HeaderName;
use lambda_http::{Body, Request};
use lead_webhook::{handle, signature};
use leadfeed_shared::fakes::Memory;
use leadfeed_shared::ports::{Clock as _, Forms as _};
use secrecy::ExposeSecret as _;
use standardwebhooks::Webhook;

use crate::stage::{FORM, from_browser, json, request, text, world};

pub const ADA: &str = r#"{"email":"ada@example.com","consent":true}"#;

/// A message of the form's owner, signed by the library of Standard Webhooks.
pub fn signed(memory: &Memory, generation: u32, id: &str, seconds_ago: i64, body: &str) -> Request {
    let form = FORM.parse().unwrap();
    let secret = memory.keys().webhook_secret(&form, generation);
    let at = memory.clock.now().as_second() - seconds_ago;
    let hook = Webhook::new(secret.expose_secret()).unwrap();
    let signature = hook.sign(id, at, body.as_bytes()).unwrap();
    let headers = [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", at.to_string()),
        ("webhook-signature", signature),
    ];
    with_headers(body, headers)
}

fn with_headers<const N: usize>(body: &str, headers: [(&str, String); N]) -> Request {
    let mut request = request("POST", &format!("/hooks/{FORM}"), "application/json", body);
    for (name, value) in headers {
        let name = HeaderName::try_from(name).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

fn header(request: &Request, name: &str) -> String {
    request.headers()[name].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn webhook_needs_the_current_or_previous_secret_and_a_recent_time() {
    let (memory, _) = world().await;
    for (generation, seconds_ago, status) in [
        (2, 0, 202),
        (1, 0, 202),
        (2, 290, 202),
        (2, -290, 202),
        (3, 0, 401),
        (0, 0, 401),
        (2, 310, 401),
        (2, -310, 401),
    ] {
        let id = format!("msg_{generation}_{seconds_ago}");
        let request = signed(&memory, generation, &id, seconds_ago, ADA);

        let answer = handle(&memory.intake(), request).await;

        assert_eq!(answer.status(), status, "{generation} {seconds_ago}");
    }
}

#[tokio::test]
async fn every_bad_signature_gets_the_same_401() {
    let (memory, _) = world().await;
    let good = signed(&memory, 2, "msg_1", 0, ADA);
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let mut bad: Vec<Request> = names
        .iter()
        .map(|missing| {
            let headers = names.map(|name| (name, header(&good, name)));
            let mut request = with_headers(ADA, headers);
            request.headers_mut().remove(*missing);
            request
        })
        .collect();
    let signature = header(&good, "webhook-signature");
    for (name, value) in [
        ("webhook-id", "msg_2".to_owned()),
        ("webhook-id", "k".repeat(256)),
        ("webhook-timestamp", "yesterday".to_owned()),
        ("webhook-timestamp", i64::MIN.to_string()),
        ("webhook-timestamp", i64::MAX.to_string()),
        ("webhook-signature", String::new()),
        ("webhook-signature", signature.replace("v1,", "v2,")),
        ("webhook-signature", signature.replace("v1,", "v1,A")),
        ("webhook-signature", signature.replace("v1,", "")),
    ] {
        let mut headers = names.map(|name| (name, header(&good, name)));
        headers
            .iter_mut()
            .filter(|(known, _)| *known == name)
            .for_each(|(_, header_value)| *header_value = value.clone());
        bad.push(with_headers(ADA, headers));
    }
    let mut tampered = signed(&memory, 2, "msg_1", 0, ADA);
    *tampered.body_mut() = Body::from(ADA.replace("ada", "eve"));
    bad.push(tampered);

    let mut answers = Vec::new();
    for request in bad {
        let answer = handle(&memory.intake(), request).await;
        assert_eq!(answer.status(), 401);
        answers.push(json(&answer));
    }

    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(memory.ledger.all().is_empty());
}

#[tokio::test]
async fn signed_body_does_not_have_to_be_utf_8() {
    let (memory, _) = world().await;
    let secret = memory.keys().webhook_secret(&FORM.parse().unwrap(), 2);
    let body = b"email=ada%40example.com&consent=yes&first_name=Andr\xe9";
    let at = memory.clock.now().as_second();
    let signature = signature(secret.expose_secret(), "msg_1", at, body).unwrap();
    let kind = "application/x-www-form-urlencoded; charset=iso-8859-1";
    let headers = [
        ("content-type", kind.to_owned()),
        ("webhook-id", "msg_1".to_owned()),
        ("webhook-timestamp", at.to_string()),
        ("webhook-signature", signature),
    ];
    let mut request = with_headers("", headers);
    *request.body_mut() = Body::Binary(body.to_vec());

    let answer = handle(&memory.intake(), request).await;

    assert_eq!(answer.status(), 202);
    assert_eq!(memory.ledger.all()[0].lead.contact.first_name, "André");
}

#[tokio::test]
async fn correctly_signed_message_with_a_malformed_id_is_answered_400() {
    let (memory, _) = world().await;
    for id in ["two words", &"k".repeat(256)] {
        let answer = handle(&memory.intake(), signed(&memory, 2, id, 0, ADA)).await;

        assert_eq!(answer.status(), 400, "{id}");
        assert_eq!(json(&answer)["code"], "webhook_id_malformed");
    }
    assert!(memory.ledger.all().is_empty());
}

#[tokio::test]
async fn one_valid_signature_of_several_is_enough() {
    let (memory, _) = world().await;
    let good = signed(&memory, 2, "msg_1", 0, ADA);
    let several = format!(
        "v1,AAAA v1a,BBBB {} v1,CCCC",
        header(&good, "webhook-signature")
    );
    let request = with_headers(
        ADA,
        [
            ("webhook-id", "msg_1".to_owned()),
            ("webhook-timestamp", header(&good, "webhook-timestamp")),
            ("webhook-signature", several),
        ],
    );

    assert_eq!(handle(&memory.intake(), request).await.status(), 202);
}

#[tokio::test]
async fn redelivered_message_is_a_duplicate_even_if_signed_by_another_secret() {
    let (memory, _) = world().await;

    let first = handle(&memory.intake(), signed(&memory, 1, "msg_1", 250, ADA)).await;
    let again = handle(&memory.intake(), signed(&memory, 2, "msg_1", 0, ADA)).await;
    let other = handle(&memory.intake(), signed(&memory, 2, "msg_2", 0, ADA)).await;

    assert_eq!(first.status(), 202);
    assert_eq!(again.status(), 200);
    assert_eq!(json(&again)["status"], "duplicate");
    assert_eq!(json(&again)["lead_id"], json(&first)["lead_id"]);
    assert_eq!(other.status(), 202);
    assert_ne!(json(&other)["lead_id"], json(&first)["lead_id"]);
    assert_eq!(memory.ledger.all().len(), 2);
}

#[tokio::test]
async fn only_a_signed_sender_can_state_the_persons_ip_and_user_agent() {
    let (memory, _) = world().await;
    let body = r#"{"email":"ada@example.com","consent":{"given":true,"ip":"2001:db8::7","user_agent":"Browser/1"}}"#;
    let path = format!("/f/{FORM}");

    handle(&memory.intake(), signed(&memory, 2, "msg_1", 0, body)).await;
    handle(
        &memory.intake(),
        request("POST", &path, "application/json", body),
    )
    .await;

    let mut recorded: Vec<_> = memory
        .ledger
        .all()
        .into_iter()
        .map(|record| (record.lead.consent.ip, record.lead.consent.user_agent))
        .collect();
    recorded.sort();
    let browser = (Some("2001:db8::7".to_owned()), Some("Browser/1".to_owned()));
    assert_eq!(recorded, [(None, None), browser]);
}

#[tokio::test]
async fn invalid_consent_ip_is_dropped() {
    let (memory, _) = world().await;
    let body = r#"{"email":"ada@example.com","consent":{"given":true,"ip":"the office"}}"#;

    let answer = handle(&memory.intake(), signed(&memory, 2, "msg_1", 0, body)).await;

    assert_eq!(answer.status(), 202);
    assert_eq!(memory.ledger.all()[0].lead.consent.ip, None);
}

#[tokio::test]
async fn webhooks_are_exempt_from_the_limit_per_origin() {
    let (memory, mut form) = world().await;
    form.screening.rates.per_origin = 1;
    memory.directory.put_form(&form).await.unwrap();
    for i in 0..3 {
        let body = format!(
            r#"{{"email":"a{i}@example.com","consent":{{"given":true,"ip":"192.0.2.7"}}}}"#
        );
        let request = signed(&memory, 2, &format!("msg_{i}"), 0, &body);
        assert_eq!(handle(&memory.intake(), request).await.status(), 202);
    }
}

#[tokio::test]
async fn signed_only_form_rejects_unsigned_leads() {
    let (memory, mut form) = world().await;
    form.signed_only = true;
    memory.directory.put_form(&form).await.unwrap();
    let (form_path, time_path) = (format!("/f/{FORM}"), format!("/f/{FORM}/time"));
    let (urlencoded, json_type) = ("application/x-www-form-urlencoded", "application/json");
    let salesforce = format!("oid={FORM}&email=ada%40example.com&consent=yes");
    let rehearsal = format!("{salesforce}&debug=1");
    let servlet = "/servlet/servlet.WebToLead";

    for (method, path, kind, body) in [
        ("POST", form_path.as_str(), json_type, ADA),
        (
            "POST",
            &form_path,
            urlencoded,
            "email=ada%40example.com&consent=yes",
        ),
        ("GET", &form_path, "", ""),
        ("GET", &time_path, "", ""),
        ("POST", servlet, urlencoded, &salesforce),
        ("POST", servlet, urlencoded, &rehearsal),
    ] {
        let refused = handle(&memory.intake(), request(method, path, kind, body)).await;
        let shown = from_browser(request(method, path, kind, body));
        let shown = handle(&memory.intake(), shown).await;

        assert_eq!(refused.status(), 403, "{method} {path}");
        assert_eq!(json(&refused)["code"], "signature_required");
        assert_eq!(shown.status(), 403, "{method} {path}");
        assert!(text(&shown).contains("post to the form&#39;s webhook address"));
        assert!(!text(&shown).contains("<form"));
    }
    assert!(memory.ledger.all().is_empty() && memory.queue.sent().is_empty());

    let signed = handle(&memory.intake(), signed(&memory, 2, "msg_1", 0, ADA)).await;
    assert_eq!(signed.status(), 202);
}

#[tokio::test]
async fn script_can_read_that_a_form_is_signed_only() {
    let (memory, mut form) = world().await;
    form.signed_only = true;
    memory.directory.put_form(&form).await.unwrap();
    let path = format!("/f/{FORM}");
    for (method, status) in [("OPTIONS", 204), ("POST", 403)] {
        let mut from_script = request(method, &path, "application/json", ADA);
        let origin = "https://engines.example".parse().unwrap();
        from_script.headers_mut().insert("origin", origin);

        let answer = handle(&memory.intake(), from_script).await;

        assert_eq!(answer.status(), status);
        let allowed = &answer.headers()["access-control-allow-origin"];
        assert_eq!(allowed, "https://engines.example");
    }
}
