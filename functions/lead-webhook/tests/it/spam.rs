use jiff::SignedDuration;
use lambda_http::http::header::{CONTENT_SECURITY_POLICY, LOCATION, RETRY_AFTER};
use lambda_http::{Body, Request, Response};
use lead_webhook::handle;
use leadfeed_shared::domain::captcha::{Captcha, CaptchaProvider, OnFailure};
use leadfeed_shared::domain::form::Statement;
use leadfeed_shared::fakes::Memory;
use leadfeed_shared::ports::{Clock as _, Forms as _};

use crate::stage::{FORM, from_browser, hidden_fields, hidden_value, json, request, text, world};

const FORM_TYPE: &str = "application/x-www-form-urlencoded";

fn post(body: &str) -> Request {
    from_browser(request("POST", &format!("/f/{FORM}"), FORM_TYPE, body))
}

async fn get(memory: &Memory, path: &str) -> Response<Body> {
    let mut request = request("GET", path, "", "");
    let headers = request.headers_mut();
    headers.insert("host", "leads.example".parse().unwrap());
    headers.insert("origin", "https://engines.example".parse().unwrap());
    handle(&memory.intake(), request).await
}

#[tokio::test]
async fn filled_honeypot_is_quarantined_but_answered_like_a_success() {
    let (memory, _) = world().await;
    let body = "email=ada%40example.com&consent=yes&contact_website=x";

    let answer = handle(&memory.intake(), post(body)).await;

    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()[LOCATION], "https://engines.example/thanks");
    assert_eq!(memory.ledger.all()[0].state.as_str(), "quarantined");
    assert!(memory.queue.sent().is_empty());
}

#[tokio::test]
async fn hosted_form_contains_its_time_its_url_and_a_honeypot() {
    let (memory, _) = world().await;
    let page = text(&get(&memory, &format!("/f/{FORM}")).await);

    let time = hidden_value(&page, "form_time");
    let body = format!("email=ada%40example.com&consent=yes&form_time={time}");
    let at_once = handle(&memory.intake(), post(&body)).await;

    let own_url = format!("https://leads.example/f/{FORM}");
    assert_eq!(hidden_value(&page, "consent_page_url"), own_url);
    assert!(page.contains(r#"<div class="unseen" aria-hidden="true">"#));
    assert_eq!(at_once.status(), 303);
    assert_eq!(memory.ledger.all()[0].state.as_str(), "quarantined");
}

#[tokio::test]
async fn correction_page_keeps_the_first_form_time_and_hidden_fields_hidden() {
    let (memory, _) = world().await;
    let body = "email=ada&consent=yes&form_time=1.aa&consent_statement=S&contact_website=&\
        return_url=https%3A%2F%2Fengines.example%2Fok&xxTrustedFormCertUrl=https%3A%2F%2Fcert.example%2F1";

    let page = text(&handle(&memory.intake(), post(body)).await);

    assert_eq!(hidden_value(&page, "form_time"), "1.aa");
    assert_eq!(
        hidden_value(&page, "return_url"),
        "https://engines.example/ok"
    );
    assert_eq!(
        hidden_value(&page, "xxTrustedFormCertUrl"),
        "https://cert.example/1"
    );
    for name in ["consent_statement", "contact_website", "form_time"] {
        assert!(
            !page.contains(&format!(r#"<input type="text" name="{name}""#)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn correction_of_a_form_without_a_time_is_never_too_fast() {
    let (memory, _) = world().await;
    let incomplete = handle(&memory.intake(), post("email=ada%40example.com")).await;

    let page_fields = hidden_fields(&text(&incomplete));
    let body = format!("{page_fields}&email=ada%40example.com&consent=yes");
    let corrected = handle(&memory.intake(), post(&body)).await;

    assert_eq!(incomplete.status(), 422);
    assert_eq!(corrected.status(), 303);
    assert_eq!(memory.ledger.all()[0].state.as_str(), "queued");
}

#[tokio::test]
async fn consent_is_to_the_statement_shown_even_if_the_form_has_changed_since() {
    let (memory, mut form) = world().await;
    let page_fields = hidden_fields(&text(&get(&memory, &format!("/f/{FORM}")).await));
    let (shown, brand) = (form.statement().text.clone(), "Analytical Engines");
    let next = "Analytical Engines and its friends may mail me.";
    form.statements
        .push(Statement::parse(next, brand, 2, memory.clock.now()).unwrap());
    memory.directory.put_form(&form).await.unwrap();
    memory.clock.advance(SignedDuration::from_secs(10));

    let body = format!("{page_fields}&email=ada%40example.com&consent=yes");
    let sent = handle(&memory.intake(), post(&body)).await;

    assert_eq!(sent.status(), 303);
    let consent = memory.ledger.all()[0].lead.consent.clone();
    assert_eq!((consent.statement, consent.version), (shown, Some(1)));
}

#[tokio::test]
async fn script_on_an_allowed_origin_can_fetch_the_form_time() {
    let (memory, _) = world().await;

    let answer = get(&memory, &format!("/f/{FORM}/time")).await;

    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["access-control-allow-origin"],
        "https://engines.example"
    );
    assert!(json(&answer)["form_time"].as_str().unwrap().contains('.'));
}

#[tokio::test]
async fn captcha_is_shown_and_asked_for_again_after_a_failure() {
    let (memory, mut form) = world().await;
    form.screening.captcha = Some(Captcha {
        provider: CaptchaProvider::Turnstile,
        site_key: "site-key".into(),
        on_failure: OnFailure::Refuse,
    });
    memory.directory.put_form(&form).await.unwrap();

    let shown = get(&memory, &format!("/f/{FORM}")).await;
    let failed = handle(
        &memory.intake(),
        post("email=ada%40example.com&consent=yes"),
    )
    .await;

    let policy = shown.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        policy.contains("script-src https://challenges.cloudflare.com;"),
        "{policy}"
    );
    assert!(text(&shown).contains(r#"<div class="cf-turnstile" data-sitekey="site-key">"#));
    assert!(text(&shown).contains("<noscript><p>This form checks that you are not a robot."));
    assert!(!text(&shown).contains("error-captcha"));
    assert_eq!(failed.status(), 422);
    assert!(text(&failed).contains(r#"aria-describedby="error-captcha">"#));
    assert!(text(&failed).contains(r#"id="error-captcha">please show that you are not a robot"#));
    assert!(text(&failed).contains(r#"value="ada@example.com""#));
    assert!(memory.ledger.all().is_empty());
}

/// As each provider's documentation requires.
#[tokio::test]
async fn content_security_policy_allows_frames_only_from_the_captcha_provider() {
    let (memory, mut form) = world().await;
    for (provider, frames) in [
        (
            CaptchaProvider::Turnstile,
            "https://challenges.cloudflare.com",
        ),
        (
            CaptchaProvider::Hcaptcha,
            "https://hcaptcha.com https://*.hcaptcha.com",
        ),
        (
            CaptchaProvider::Recaptcha,
            "https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/ \
             https://www.gstatic.com/recaptcha/",
        ),
    ] {
        form.screening.captcha = Some(Captcha {
            provider,
            site_key: "site-key".into(),
            on_failure: OnFailure::Refuse,
        });
        memory.directory.put_form(&form).await.unwrap();

        let shown = get(&memory, &format!("/f/{FORM}")).await;

        let policy = shown.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        let mut rules = policy.split("; ");
        let framed = rules.find_map(|rule| rule.strip_prefix("frame-src "));
        assert_eq!(framed, Some(frames), "{provider:?}");
    }
}

#[tokio::test]
async fn submission_over_the_rate_limit_is_refused_with_retry_after() {
    let (memory, mut form) = world().await;
    form.screening.rates.per_minute = 1;
    memory.directory.put_form(&form).await.unwrap();
    let post = |email: &str| {
        let body = format!(r#"{{"email":"{email}","consent":true}}"#);
        request("POST", &format!("/f/{FORM}"), "application/json", &body)
    };

    let first = handle(&memory.intake(), post("ada@example.com")).await;
    let second = handle(&memory.intake(), post("eve@example.com")).await;

    assert_eq!(first.status(), 202);
    assert_eq!(second.status(), 429);
    assert_eq!(json(&second)["code"], "too_many_submissions");
    let wait: u32 = second.headers()[RETRY_AFTER]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    assert_eq!(memory.ledger.all().len(), 1);
}

#[tokio::test]
async fn rehearsal_is_screened_and_cut_like_a_real_lead() {
    let (memory, mut form) = world().await;
    let long = "x".repeat(60);
    let rehearse = async |more: &str| {
        let body = format!("oid={FORM}&debug=1&email=ada%40example.com&consent=on&{more}");
        let path = "/servlet/servlet.WebToLead";
        handle(&memory.intake(), request("POST", path, FORM_TYPE, &body)).await
    };

    let plain = json(&rehearse(&format!("first_name={long}")).await);
    let robot = json(&rehearse("contact_website=x").await);
    form.screening.captcha = Some(Captcha {
        provider: CaptchaProvider::Turnstile,
        site_key: "site-key".into(),
        on_failure: OnFailure::Refuse,
    });
    memory.directory.put_form(&form).await.unwrap();
    let without_captcha = rehearse("").await;
    let body = format!("oid={FORM}&debug=1&email=ada%40example.com&consent=on");
    let path = "/servlet/servlet.WebToLead";
    let from_page = from_browser(request("POST", path, FORM_TYPE, &body));
    let shown = handle(&memory.intake(), from_page).await;
    let with_captcha = json(&rehearse("cf-turnstile-response=a").await);

    assert_eq!(plain["would_be"]["status"], "queued");
    assert_eq!(plain["contact"]["first_name"], long[..50]);
    assert_eq!(plain["notes"][0]["what"], "cut");
    assert_eq!(robot["would_be"]["status"], "quarantined");
    assert_eq!(robot["would_be"]["why"], "honeypot");
    assert_eq!(without_captcha.status(), 422);
    assert_eq!(json(&without_captcha)["code"], "captcha_failed");
    assert_eq!(shown.status(), 422);
    assert!(
        !text(&shown).contains("<form"),
        "its button would submit for real"
    );
    assert_eq!(with_captcha["would_be"]["status"], "queued");
    assert!(memory.ledger.all().is_empty());
}

#[tokio::test]
async fn web_to_lead_rehearsal_reports_the_outcome_and_stores_nothing() {
    let (memory, _) = world().await;
    let fields = format!(
        "oid={FORM}&debug=1&debugEmail=dev%40example.com&first_name=%3CAda%3E&company=Engines&\
         email=ada%40example.com&retURL=https%3A%2F%2Fengines.example%2Fok"
    );
    let path = "/servlet/servlet.WebToLead";
    let rehearsal = |body: &str| request("POST", path, FORM_TYPE, body);
    let agreed = format!("{fields}&consent=on");

    let reported = handle(&memory.intake(), rehearsal(&agreed)).await;
    let shown = handle(&memory.intake(), from_browser(rehearsal(&agreed))).await;
    let refused = handle(&memory.intake(), rehearsal(&fields)).await;

    assert_eq!(reported.status(), 200);
    assert_eq!(json(&reported)["status"], "nothing_kept");
    assert_eq!(json(&reported)["contact"]["company_name"], "Engines");
    assert_eq!(json(&reported)["return_url"], "https://engines.example/ok");
    assert!(text(&shown).contains("Nothing was kept"));
    assert!(text(&shown).contains("&#60;Ada&#62;"));
    assert_eq!(refused.status(), 422);
    assert_eq!(json(&refused)["code"], "consent_required");
    assert!(memory.ledger.all().is_empty());
    assert!(memory.queue.sent().is_empty());
}
