use std::collections::HashMap;

use lambda_http::http::header::{ACCEPT, HOST, LOCATION, ORIGIN};
use lambda_http::{Body, RequestExt as _};
use lead_webhook::handle;
use leadfeed_shared::domain::contact::NoteKind;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::ports::Forms as _;
use serde_json::Value;

use crate::stage::{FORM, event, json, request, text, world};

const FORM_POST: &str = include_str!("../../../../events/lead-form-post.json");
const JSON: &str = include_str!("../../../../events/lead-json.json");

#[tokio::test]
async fn browser_post_is_recorded_and_redirected_to_the_forms_return_url() {
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
async fn origin_header_is_recorded_and_noted_if_it_differs_from_the_page_url() {
    let page = "https%3A%2F%2Fengines.example%2Fnews";
    let body = format!("email=ada%40example.com&consent=yes&consent_page_url={page}");
    for (site, kept, noted) in [
        ("https://looms.example", Some("https://looms.example"), true),
        (
            "https://engines.example",
            Some("https://engines.example"),
            false,
        ),
        ("https://leads.example", None, false), // our own, as from a correction page
    ] {
        let (memory, _) = world().await;
        let kind = "application/x-www-form-urlencoded";
        let mut request = request("POST", &format!("/f/{FORM}"), kind, &body);
        let headers = request.headers_mut();
        headers.insert(HOST, "leads.example".parse().unwrap());
        headers.insert(ORIGIN, site.parse().unwrap());

        handle(&memory.intake(), request).await;

        let lead = memory.ledger.all().pop().unwrap().lead;
        let notes = lead.notes.iter().map(|note| note.what);
        assert_eq!(lead.consent.origin.as_deref(), kept);
        assert_eq!(
            notes.collect::<Vec<_>>().contains(&NoteKind::OtherSite),
            noted
        );
        assert!(lead.is_sealed(&memory.keys()));
    }
}

#[tokio::test]
async fn json_lead_is_answered_with_its_id_readable_by_the_pages_origin() {
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
async fn bad_input_is_answered_with_its_own_problem_code_and_never_a_5xx() {
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
            "application/json",
            "{\"email\":\"ada@example.com\",\"consent\":true,\"consent_pre_ticked\":true}",
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
            "oid=1&email=a",
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
async fn correction_page_shows_errors_and_keeps_escaped_input() {
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
    assert!(page.contains("please tick the box to sign up"));
}

#[tokio::test]
async fn hosted_form_ignores_the_query() {
    let (memory, _) = world().await;
    let lead = [
        ("email", "SENTINEL@example.com"),
        ("first_name", "SENTINEL"),
        ("consent", "yes"),
    ];
    let query: HashMap<_, _> = lead
        .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]))
        .into();
    let request = request("GET", &format!("/f/{FORM}"), "", "").with_query_string_parameters(query);

    let answer = handle(&memory.intake(), request).await;

    assert_eq!(answer.status(), 200);
    assert!(text(&answer).contains("Analytical Engines may mail me."));
    assert!(!text(&answer).contains("SENTINEL"));
    assert!(
        text(&answer).contains(r#"<input type="checkbox" name="consent" value="yes" required>"#)
    );
    assert!(memory.ledger.all().is_empty());
    assert!(memory.queue.sent().is_empty());
}

#[tokio::test]
async fn event_with_an_invalid_url_is_handled_like_any_other() {
    let (memory, _) = world().await;
    let mut post: Value = serde_json::from_str(FORM_POST).unwrap();
    post["rawQueryString"] = "utm_source=<fair>".into();
    post["headers"]["x-forwarded-proto"] = "1".into();
    post["headers"]["host"] = "no host".into();

    let answer = handle(&memory.intake(), event(&post.to_string())).await;

    assert_eq!(answer.status(), 303);
    assert_eq!(memory.ledger.all().len(), 1);
}

#[tokio::test]
async fn foreign_or_overlong_return_url_is_ignored_and_the_lead_is_kept() {
    let long = |host: &str| format!("https%3A%2F%2F{host}%2F{}", "a".repeat(4_096));
    for address in [
        "https%3A%2F%2Fevil.example%2F".to_owned(),
        long("evil.example"),
        long("engines.example"),
    ] {
        let (memory, _) = world().await;
        let mut request = event(FORM_POST);
        let body = format!("email=ada%40example.com&consent=yes&return_url={address}");
        *request.body_mut() = Body::from(body);

        let answer = handle(&memory.intake(), request).await;

        assert_eq!(answer.status(), 303);
        assert_eq!(answer.headers()[LOCATION], "https://engines.example/thanks");
        assert_eq!(memory.ledger.all().len(), 1);
    }
}

#[tokio::test]
async fn form_without_return_url_always_redirects_to_our_thank_you_page() {
    let (memory, form) = world().await;
    let form = Form {
        return_url: None,
        ..form
    };
    memory.directory.put_form(&form).await.unwrap();
    for (email, wish) in [("ada", ""), ("bob", "https%3A%2F%2Fevil.example%2F")] {
        let mut post = event(FORM_POST);
        let body = format!("email={email}%40example.com&consent=yes&return_url={wish}");
        *post.body_mut() = Body::from(body);

        let answer = handle(&memory.intake(), post).await;

        assert_eq!(answer.status(), 303);
        let thanks = format!("/f/{FORM}/thanks");
        assert_eq!(answer.headers()[LOCATION], thanks.as_str());
        let page = handle(&memory.intake(), request("GET", &thanks, "", "")).await;
        assert_eq!(page.status(), 200);
    }
    assert_eq!(memory.ledger.all().len(), 2);
}

#[tokio::test]
async fn salesforce_form_works_with_our_form_id_and_a_consent_box() {
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
async fn cors_preflight_allows_only_listed_origins() {
    let (memory, _) = world().await;
    let preflight = |origin: &str| {
        let mut request = request("OPTIONS", &format!("/f/{FORM}"), "", "");
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        request
    };

    let allowed = handle(&memory.intake(), preflight("https://engines.example")).await;
    let foreign = handle(&memory.intake(), preflight("https://evil.example")).await;

    assert_eq!(allowed.status(), 204);
    for answer in [&allowed, &foreign] {
        assert_eq!(
            answer.headers()["vary"],
            "origin",
            "caches have to tell them apart"
        );
    }
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
