use jiff::SignedDuration;
use leadfeed_shared::domain::ids::LeadId;
use serde_json::{Value, json};

use crate::stage::Stage;

const FORMS: &str = "/v1/customers/engines/forms";

fn form(more: Value) -> Value {
    let mut form = json!({"name": "News", "consent_statement": "Analytical Engines may mail me."});
    form.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    form
}

fn captcha(secret: Option<&str>) -> Value {
    json!({"captcha": {"provider": "hcaptcha", "site_key": "site", "secret": secret, "on_failure": "quarantine"}})
}

#[tokio::test]
async fn a_form_has_a_honeypot_and_limits_unless_it_says_otherwise() {
    let stage = Stage::with_customers().await;

    let usual = stage.post(FORMS, form(json!({}))).await;
    let limits = json!({"per_minute": 5, "per_day": 7, "per_day_and_address": 2});
    let own = json!({"spam": {"honeypot": "homepage"}, "rate_limits": limits});
    let own = stage.post(FORMS, form(own)).await;
    let without = stage.post(FORMS, form(json!({"spam": {}}))).await;

    assert_eq!(usual.body["spam"], json!({"honeypot": "contact_website"}));
    assert_eq!(
        usual.body["rate_limits"],
        json!({
            "per_minute": 600, "per_minute_and_origin": 60,
            "per_day": 5000, "per_day_and_address": 20,
        })
    );
    assert_eq!(own.body["spam"], json!({"honeypot": "homepage"}));
    assert_eq!(own.body["rate_limits"]["per_minute"], 5);
    assert_eq!(own.body["rate_limits"]["per_minute_and_origin"], 60);
    assert_eq!(own.body["rate_limits"]["per_day"], 7);
    assert_eq!(own.body["rate_limits"]["per_day_and_address"], 2);
    assert_eq!(without.body["spam"], json!({}));
    for (answer, carries) in [(&usual, "contact_website"), (&own, "homepage")] {
        for snippet in ["snippet_html", "snippet_fetch"] {
            let field = format!(r#"<input name="{carries}" tabindex="-1" autocomplete="off">"#);
            assert!(answer.text(snippet).contains(&field));
        }
    }
    assert!(!without.text("snippet_html").contains("tabindex"));
    assert!(
        usual
            .text("snippet_fetch")
            .contains(r#"fetch(form.action + "/time","#)
    );
}

#[tokio::test]
async fn a_captchas_secret_is_stored_apart_and_never_shown() {
    let stage = Stage::with_customers().await;
    let body = form(json!({"spam": captcha(Some("SENTINEL"))}));

    let made = stage.post(FORMS, body).await;
    let id = made.text("form_id").parse().unwrap();
    let target = format!("/v1/forms/{id}");
    let kept = stage.patch(&target, json!({"spam": captcha(None)})).await;
    let secret = || stage.memory.captcha.secret(&id);

    let shown = json!({"captcha": {"provider": "hcaptcha", "site_key": "site", "on_failure": "quarantine"}});
    assert_eq!(made.body["spam"], shown);
    assert_eq!(kept.body["spam"], shown);
    assert!(!made.body.to_string().contains("SENTINEL"));
    assert!(
        made.text("snippet_html")
            .contains(r#"<div class="h-captcha" data-sitekey="site">"#)
    );
    let without_scripts = "<noscript><p>This form checks that you are not a robot.";
    assert!(made.text("snippet_html").contains(without_scripts));
    // A used answer never passes again.
    let scripted = made.text("snippet_fetch");
    assert!(scripted.contains("window.hcaptcha?.reset();"), "{scripted}");
    assert_eq!(secret().as_deref(), Some("SENTINEL"));
    stage
        .patch(&target, json!({"spam": captcha(Some("next"))}))
        .await;
    assert_eq!(secret().as_deref(), Some("next"));
    stage.patch(&target, json!({"spam": null})).await;
    assert_eq!(secret(), None);
    stage
        .patch(&target, json!({"spam": captcha(Some("last"))}))
        .await;
    stage.delete(&target).await;
    assert_eq!(secret(), None);
}

#[tokio::test]
async fn a_customers_end_is_the_end_of_its_captchas_secrets() {
    let stage = Stage::with_customers().await;
    let body = form(json!({"spam": captcha(Some("secret"))}));
    let id = stage
        .post(FORMS, body)
        .await
        .text("form_id")
        .parse()
        .unwrap();

    stage.delete("/v1/customers/engines").await;

    assert_eq!(stage.memory.captcha.secret(&id), None);
}

#[tokio::test]
async fn what_cannot_be_is_named() {
    let stage = Stage::with_customers().await;
    for (more, at, code) in [
        (
            json!({"spam": captcha(None)}),
            "spam.captcha.secret",
            "required",
        ),
        (
            json!({"spam": {"captcha": {"provider": "x", "site_key": "s", "secret": "s"}}}),
            "spam.captcha.provider",
            "unknown_value",
        ),
        (
            json!({"spam": {"honeypot": "email"}}),
            "spam.honeypot",
            "not_permitted",
        ),
        (
            json!({"spam": {"honeypot": "consent"}}),
            "spam.honeypot",
            "not_permitted",
        ),
        (
            json!({"spam": {"honey": "x"}}),
            "spam.honey",
            "unknown_property",
        ),
        (
            json!({"rate_limits": {"per_minute": 0}}),
            "rate_limits.per_minute",
            "out_of_range",
        ),
        (
            json!({"rate_limits": {"per_day": 0}}),
            "rate_limits.per_day",
            "out_of_range",
        ),
    ] {
        let answer = stage.post(FORMS, form(more)).await;
        assert_eq!(answer.faults(), [(at, code)]);
    }
}

/// A robot signs up.
async fn robot(stage: &Stage, form: &str, email: &str) -> LeadId {
    let form = stage.memory.intake().form(form).await.unwrap();
    let fields = [("email", email), ("contact_website", "x")];
    stage.memory.sign_up(&form, &fields).await.lead
}

#[tokio::test]
async fn a_quarantined_lead_is_found_and_released() {
    let stage = Stage::with_customers().await;
    let lead = robot(&stage, &stage.form().await, "ada@example.com").await;

    let found = stage
        .get("/v1/customers/engines/leads?status=quarantined")
        .await;
    let releases = format!("/v1/leads/{lead}/releases");
    let released = stage.post(&releases, json!({})).await;
    stage.memory.clock.advance(SignedDuration::from_millis(1));
    let twice = stage.post(&releases, json!({})).await;

    assert_eq!(found.body["leads"][0]["lead_id"], lead.as_str());
    assert_eq!(found.body["leads"][0]["why"], "honeypot");
    assert_eq!(
        (released.status, released.text("status")),
        (200, "queued".into())
    );
    assert_eq!(
        (twice.status, twice.text("code")),
        (409, "not_quarantined".into())
    );
    assert_eq!(stage.memory.queue.sent().len(), 1);
}

#[tokio::test]
async fn quarantined_leads_are_released_together_where_it_is_asked_for_and_only_then() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    for email in ["ada@example.com", "grace@example.com"] {
        robot(&stage, &form, email).await;
    }
    let replay = async |wish| {
        let path = "/v1/customers/engines/replays";
        let answer = stage.post(path, wish).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        (answer.body["leads"].clone(), answer.body["others"].clone())
    };

    let plain = replay(json!({})).await;
    let captchas = replay(json!({"status": "quarantined", "reason": "captcha"})).await;
    let dry = replay(json!({"status": "quarantined", "dry_run": true})).await;
    assert!(stage.memory.queue.sent().is_empty());
    let wish = json!({"status": "quarantined", "reason": "honeypot"});
    let released = replay(wish.clone()).await;
    let twice = replay(wish).await;

    let both = (json!({"quarantined.honeypot": 2}), json!(0));
    assert_eq!(plain, (json!({}), json!(2)));
    assert_eq!(captchas, (json!({}), json!(0)));
    assert_eq!((dry, released), (both.clone(), both));
    assert_eq!(twice, (json!({}), json!(0)));
    assert_eq!(stage.memory.queue.sent().len(), 2);
}

#[tokio::test]
async fn a_customers_own_page_releases_nothing_that_is_set_aside() {
    let stage = Stage::with_customers().await;
    robot(&stage, &stage.form().await, "ada@example.com").await;
    let path = format!("{}/retry", stage.manage_path().await);

    let label = "label=quarantined.honeypot";
    let (asked, _, _) = stage.page("GET", &format!("{path}?{label}"), "").await;
    let (done, _, _) = stage.page("POST", &path, label).await;

    assert_eq!((asked, done), (404, 404));
    assert!(stage.memory.queue.sent().is_empty());
}

#[tokio::test]
async fn health_tells_of_as_many_leads_set_aside_as_raise_the_alarm_and_who_has_most() {
    let mut stage = Stage::with_customers().await;
    stage.api.admin.quarantine_alarm = 3;
    let engines = stage.form().await;
    let form = json!({"name": "News", "consent_statement": "Looms may mail me."});
    let looms = stage.post("/v1/customers/looms/forms", form).await;
    let looms = looms.text("form_id");
    let told = async || {
        let health = stage.get("/v1/health").await;
        let checks = health.body["checks"].as_array().unwrap().clone();
        let check = checks
            .into_iter()
            .find(|check| check["name"] == "quarantine");
        check.unwrap()["detail"].clone()
    };

    robot(&stage, &engines, "ada0@example.com").await;
    robot(&stage, &looms, "ada1@example.com").await;
    assert_eq!(told().await, json!(null));
    robot(&stage, &looms, "ada2@example.com").await;

    let words = told().await;
    let whose = "looms (2), engines (1)";
    assert!(words.as_str().unwrap().contains(whose), "{words}");
}
