//! Rehearsals: submissions that only report what would become of the lead.

use lambda_http::Request;
use lambda_http::http::header::{ACCESS_CONTROL_ALLOW_HEADERS, RETRY_AFTER};
use lead_webhook::handle;
use leadfeed_shared::fakes::Memory;
use leadfeed_shared::ports::Forms as _;

use crate::log::Log;
use crate::stage::{FORM, from_browser, json, request, text, world};
use crate::webhooks::signed;

const JSON: &str = "application/json";
const ADA: &str = r#"{"email":"ada@example.com","first_name":"Ada","consent":{"given":true}}"#;
const EVE: &str = r#"{"email":"eve@example.com","consent":{"given":true}}"#;

fn with_header(mut request: Request, name: &'static str, value: &str) -> Request {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

fn as_rehearsal(request: Request) -> Request {
    with_header(request, "leadfeed-rehearse", "true")
}

fn post(body: &str) -> Request {
    request("POST", &format!("/f/{FORM}"), JSON, body)
}

fn assert_nothing_stored(memory: &Memory) {
    assert!(memory.ledger.all().is_empty() && memory.queue.sent().is_empty());
}

#[tokio::test]
async fn form_or_webhook_rehearsal_reports_the_lead_and_stores_nothing() {
    let (memory, _) = world().await;
    for (submission, agent) in [
        (
            with_header(post(ADA), "user-agent", "Browser/1"),
            Some("Browser/1"),
        ),
        (signed(&memory, 2, "msg_1", 0, ADA), None),
    ] {
        let steps_before = memory.faults.steps();
        let answer = handle(&memory.intake(), as_rehearsal(submission)).await;

        assert_eq!(answer.status(), 200);
        let report = json(&answer);
        assert_eq!(report["status"], "nothing_kept");
        assert_eq!(report["would_be"]["status"], "queued");
        assert_eq!(report["contact"]["first_name"], "Ada");
        assert_eq!(
            report["consent"]["statement"],
            "Analytical Engines may mail me."
        );
        assert_eq!(report["consent"]["user_agent"].as_str(), agent);
        let read_form = 1;
        assert_eq!(memory.faults.steps() - steps_before, read_form);
    }
    assert_nothing_stored(&memory);
}

#[tokio::test]
async fn rehearsal_does_not_use_up_an_idempotency_key_or_webhook_id() {
    let (memory, _) = world().await;
    let keyed = |body| with_header(post(body), "idempotency-key", "order-1");

    handle(&memory.intake(), as_rehearsal(keyed(ADA))).await;
    handle(
        &memory.intake(),
        as_rehearsal(signed(&memory, 2, "msg_1", 0, ADA)),
    )
    .await;
    let posted = handle(&memory.intake(), keyed(EVE)).await;
    let hooked = handle(&memory.intake(), signed(&memory, 2, "msg_1", 0, EVE)).await;

    assert_eq!(
        (posted.status().as_u16(), hooked.status().as_u16()),
        (202, 202)
    );
    assert_eq!(memory.ledger.all().len(), 2);
}

#[tokio::test]
async fn rehearsal_is_refused_exactly_as_the_real_lead() {
    let (memory, mut form) = world().await;
    form.required = vec!["last_name".into()];
    memory.directory.put_form(&form).await.unwrap();
    let key = |request, key: &str| with_header(request, "idempotency-key", key);
    let (ours, other) = (format!("/f/{FORM}"), "/f/frm_01ARZ3NDEKTSV4RRFFQ69G5FAB");
    let malformed = "two words".repeat(40);
    let refused: [&dyn Fn() -> Request; 8] = [
        &|| post(ADA),
        &|| post(r#"{"email":"ada@example.com"}"#),
        &|| post("{"),
        &|| key(post(ADA), &malformed),
        &|| request("POST", &ours, "application/pdf", "%PDF"),
        &|| request("POST", other, JSON, ADA),
        &|| signed(&memory, 2, "msg_1", 0, ADA),
        &|| signed(&memory, 7, "msg_1", 0, ADA),
    ];

    for (number, submission) in refused.iter().enumerate() {
        let real = handle(&memory.intake(), submission()).await;
        let rehearsal = handle(&memory.intake(), as_rehearsal(submission())).await;

        assert!(real.status().is_client_error(), "{number}");
        assert_eq!(rehearsal.status(), real.status(), "{number}");
        assert_eq!(json(&rehearsal), json(&real), "{number}");
    }
    let wrong = as_rehearsal(signed(&memory, 7, "msg_1", 0, ADA));
    let wrong = handle(&memory.intake(), wrong).await;
    assert_eq!(json(&wrong)["code"], "invalid_signature");
    assert_nothing_stored(&memory);
}

#[tokio::test]
async fn rehearsals_count_towards_the_limit_per_minute() {
    let salesforce = format!("oid={FORM}&debug=1&email=ada%40example.com&consent=on");
    let salesforce = || {
        let form_type = "application/x-www-form-urlencoded";
        request("POST", "/servlet/servlet.WebToLead", form_type, &salesforce)
    };
    for kind in 0..3 {
        let (memory, mut form) = world().await;
        form.screening.rates.per_minute = 1;
        memory.directory.put_form(&form).await.unwrap();
        let intake = memory.intake();
        let rehearse = || match kind {
            0 => as_rehearsal(post(ADA)),
            1 => as_rehearsal(signed(&memory, 2, "msg_1", 0, ADA)),
            _ => salesforce(),
        };

        let first = handle(&intake, rehearse()).await;
        let second = handle(&intake, rehearse()).await;

        assert_eq!(first.status(), 200, "{kind}");
        assert_eq!(second.status(), 429, "{kind}");
        assert!(second.headers().contains_key(RETRY_AFTER));
    }
}

#[tokio::test]
async fn any_rehearse_header_value_except_false_stores_nothing() {
    let (memory, _) = world().await;
    for value in ["true", "1", "yes", "", "\u{fc}"] {
        let submission = with_header(post(ADA), "leadfeed-rehearse", value);
        assert_eq!(
            handle(&memory.intake(), submission).await.status(),
            200,
            "{value}"
        );
    }
    assert_nothing_stored(&memory);

    let submission = with_header(post(ADA), "leadfeed-rehearse", "False");
    assert_eq!(handle(&memory.intake(), submission).await.status(), 202);
    assert_eq!(memory.ledger.all().len(), 1);
}

#[tokio::test]
async fn rehearsal_in_a_browser_is_a_page_without_a_form() {
    let (memory, _) = world().await;
    for (body, status, expected) in [
        (ADA, 200, "Nothing was kept"),
        (r#"{"email":"a"}"#, 422, "tick the box"),
    ] {
        let shown = handle(&memory.intake(), from_browser(as_rehearsal(post(body)))).await;

        assert_eq!(shown.status(), status);
        assert!(text(&shown).contains(expected), "{}", text(&shown));
        assert!(!text(&shown).contains("<form"));
    }
}

#[tokio::test]
async fn preflight_from_an_allowed_origin_allows_the_rehearse_header() {
    let (memory, _) = world().await;
    let preflight = request("OPTIONS", &format!("/f/{FORM}"), "", "");
    let preflight = with_header(preflight, "origin", "https://engines.example");

    let answer = handle(&memory.intake(), preflight).await;

    let allowed = answer.headers()[ACCESS_CONTROL_ALLOW_HEADERS].to_str();
    assert!(allowed.unwrap().contains("leadfeed-rehearse"));
}

#[tokio::test]
async fn refused_rehearsal_is_not_logged_as_a_refused_submission() {
    let (memory, _) = world().await;
    let log = Log::begin();
    let kind = "application/x-www-form-urlencoded";
    let debug = format!("oid={FORM}&debug=1&email=ada%40example.com");
    let debug = request("POST", "/servlet/servlet.WebToLead", kind, &debug);

    for refused in [as_rehearsal(post("{}")), debug, post("{")] {
        handle(&memory.intake(), refused).await;
    }

    let logged = log.text();
    let refusals: Vec<_> = logged
        .lines()
        .filter(|line| line.contains("a submission was refused"))
        .collect();
    assert_eq!(refusals.len(), 1, "{logged}");
    assert!(refusals[0].contains("malformed_json"), "{logged}");
}
