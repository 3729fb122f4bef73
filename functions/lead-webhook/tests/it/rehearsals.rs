//! Leads that only ask what would become of them.

use lambda_http::Request;
use lambda_http::http::header::{ACCESS_CONTROL_ALLOW_HEADERS, RETRY_AFTER};
use lead_webhook::handle;
use leadfeed_shared::fakes::Memory;
use leadfeed_shared::ports::Forms as _;

use crate::log::Log;
use crate::stage::{FORM, browsers, json, request, text, world};
use crate::webhooks::signed;

const JSON: &str = "application/json";
const ADA: &str = r#"{"email":"ada@example.com","first_name":"Ada","consent":{"given":true}}"#;
const EVE: &str = r#"{"email":"eve@example.com","consent":{"given":true}}"#;

fn with(mut request: Request, name: &'static str, value: &str) -> Request {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

fn rehearsed(request: Request) -> Request {
    with(request, "leadfeed-rehearse", "true")
}

fn post(body: &str) -> Request {
    request("POST", &format!("/f/{FORM}"), JSON, body)
}

fn assert_nothing_kept(memory: &Memory) {
    assert!(memory.ledger.all().is_empty() && memory.queue.sent().is_empty());
}

#[tokio::test]
async fn a_rehearsal_at_a_form_or_by_signed_webhook_says_what_would_be_kept_and_keeps_nothing() {
    let (memory, _) = world().await;
    for (asked, agent) in [
        (
            with(post(ADA), "user-agent", "Browser/1"),
            Some("Browser/1"),
        ),
        (signed(&memory, 2, "msg_1", 0, ADA), None),
    ] {
        let before = memory.faults.steps();
        let answer = handle(&memory.intake(), rehearsed(asked)).await;

        assert_eq!(answer.status(), 200);
        let told = json(&answer);
        assert_eq!(told["status"], "nothing_kept");
        assert_eq!(told["would_be"]["status"], "queued");
        assert_eq!(told["contact"]["first_name"], "Ada");
        assert_eq!(
            told["consent"]["statement"],
            "Analytical Engines may mail me."
        );
        assert_eq!(told["consent"]["user_agent"].as_str(), agent);
        let read_form = 1;
        assert_eq!(memory.faults.steps() - before, read_form);
    }
    assert_nothing_kept(&memory);
}

#[tokio::test]
async fn a_rehearsal_uses_up_no_key_and_no_id_of_a_message() {
    let (memory, _) = world().await;
    let keyed = |body| with(post(body), "idempotency-key", "order-1");

    handle(&memory.intake(), rehearsed(keyed(ADA))).await;
    handle(
        &memory.intake(),
        rehearsed(signed(&memory, 2, "msg_1", 0, ADA)),
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
async fn a_rehearsal_is_refused_as_the_lead_would_be() {
    let (memory, mut form) = world().await;
    form.required = vec!["last_name".into()];
    memory.directory.put_form(&form).await.unwrap();
    let key = |request, key: &str| with(request, "idempotency-key", key);
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

    for (number, asked) in refused.iter().enumerate() {
        let real = handle(&memory.intake(), asked()).await;
        let rehearsal = handle(&memory.intake(), rehearsed(asked())).await;

        assert!(real.status().is_client_error(), "{number}");
        assert_eq!(rehearsal.status(), real.status(), "{number}");
        assert_eq!(json(&rehearsal), json(&real), "{number}");
    }
    let wrong = rehearsed(signed(&memory, 7, "msg_1", 0, ADA));
    let wrong = handle(&memory.intake(), wrong).await;
    assert_eq!(json(&wrong)["code"], "invalid_signature");
    assert_nothing_kept(&memory);
}

#[tokio::test]
async fn rehearsals_take_the_room_of_submissions_in_their_minute() {
    let salesforce = format!("oid={FORM}&debug=1&email=ada%40example.com&consent=on");
    let salesforce = || {
        let kind = "application/x-www-form-urlencoded";
        request("POST", "/servlet/servlet.WebToLead", kind, &salesforce)
    };
    for way in 0..3 {
        let (memory, mut form) = world().await;
        form.screening.rates.per_minute = 1;
        memory.directory.put_form(&form).await.unwrap();
        let intake = memory.intake();
        let ask = || match way {
            0 => rehearsed(post(ADA)),
            1 => rehearsed(signed(&memory, 2, "msg_1", 0, ADA)),
            _ => salesforce(),
        };

        let first = handle(&intake, ask()).await;
        let second = handle(&intake, ask()).await;

        assert_eq!(first.status(), 200, "{way}");
        assert_eq!(second.status(), 429, "{way}");
        assert!(second.headers().contains_key(RETRY_AFTER));
    }
}

#[tokio::test]
async fn whatever_the_header_says_but_false_nothing_is_kept() {
    let (memory, _) = world().await;
    for value in ["true", "1", "yes", "", "\u{fc}"] {
        let asked = with(post(ADA), "leadfeed-rehearse", value);
        assert_eq!(
            handle(&memory.intake(), asked).await.status(),
            200,
            "{value}"
        );
    }
    assert_nothing_kept(&memory);

    let asked = with(post(ADA), "leadfeed-rehearse", "False");
    assert_eq!(handle(&memory.intake(), asked).await.status(), 202);
    assert_eq!(memory.ledger.all().len(), 1);
}

#[tokio::test]
async fn a_rehearsal_for_a_person_is_a_page_without_a_button_that_would_send_it() {
    let (memory, _) = world().await;
    for (body, status, says) in [
        (ADA, 200, "Nothing was kept"),
        (r#"{"email":"a"}"#, 422, "tick the box"),
    ] {
        let shown = handle(&memory.intake(), browsers(rehearsed(post(body)))).await;

        assert_eq!(shown.status(), status);
        assert!(text(&shown).contains(says), "{}", text(&shown));
        assert!(!text(&shown).contains("<form"));
    }
}

#[tokio::test]
async fn a_script_on_an_allowed_page_may_rehearse() {
    let (memory, _) = world().await;
    let asked = request("OPTIONS", &format!("/f/{FORM}"), "", "");
    let asked = with(asked, "origin", "https://engines.example");

    let answer = handle(&memory.intake(), asked).await;

    let allowed = answer.headers()[ACCESS_CONTROL_ALLOW_HEADERS].to_str();
    assert!(allowed.unwrap().contains("leadfeed-rehearse"));
}

#[tokio::test]
async fn a_rehearsal_that_is_refused_is_not_counted_as_a_submission() {
    let (memory, _) = world().await;
    let log = Log::begin();
    let kind = "application/x-www-form-urlencoded";
    let debug = format!("oid={FORM}&debug=1&email=ada%40example.com");
    let debug = request("POST", "/servlet/servlet.WebToLead", kind, &debug);

    for refused in [rehearsed(post("{}")), debug, post("{")] {
        handle(&memory.intake(), refused).await;
    }

    let said = log.text();
    let counted: Vec<_> = said
        .lines()
        .filter(|line| line.contains("a submission was refused"))
        .collect();
    assert_eq!(counted.len(), 1, "{said}");
    assert!(counted[0].contains("malformed_json"), "{said}");
}
