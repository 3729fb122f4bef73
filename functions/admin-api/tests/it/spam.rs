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
async fn form_has_a_honeypot_and_rate_limits_by_default() {
    let stage = Stage::with_customers().await;

    let default = stage.post(FORMS, form(json!({}))).await;
    let limits = json!({"per_minute": 5, "per_day": 7, "per_day_and_address": 2});
    let own = json!({"spam": {"honeypot": "homepage"}, "rate_limits": limits});
    let own = stage.post(FORMS, form(own)).await;
    let without = stage.post(FORMS, form(json!({"spam": {}}))).await;

    assert_eq!(default.body["spam"], json!({"honeypot": "contact_website"}));
    assert_eq!(
        default.body["rate_limits"],
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
    for (answer, honeypot_name) in [(&default, "contact_website"), (&own, "homepage")] {
        for snippet in ["snippet_html", "snippet_fetch"] {
            let field =
                format!(r#"<input name="{honeypot_name}" tabindex="-1" autocomplete="off">"#);
            assert!(answer.text(snippet).contains(&field));
        }
    }
    assert!(!without.text("snippet_html").contains("tabindex"));
    assert!(
        default
            .text("snippet_fetch")
            .contains(r#"fetch(form.action + "/time","#)
    );
}

#[tokio::test]
async fn captcha_secret_is_stored_separately_and_never_shown() {
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
    // A captcha's answer is valid only once.
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
async fn deleting_a_customer_deletes_its_captcha_secrets() {
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
async fn invalid_spam_settings_and_rate_limits_are_reported() {
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
        assert_eq!(answer.field_errors(), [(at, code)]);
    }
}

/// Signs up with the honeypot filled in.
async fn sign_up_as_robot(stage: &Stage, form: &str, email: &str) -> LeadId {
    let form = stage.memory.intake().form(form).await.unwrap();
    let fields = [("email", email), ("contact_website", "x")];
    stage.memory.sign_up(&form, &fields).await.lead
}

#[tokio::test]
async fn a_quarantined_lead_is_found_and_released() {
    let stage = Stage::with_customers().await;
    let lead = sign_up_as_robot(&stage, &stage.form().await, "ada@example.com").await;

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
async fn replay_releases_quarantined_leads_only_when_requested() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    for email in ["ada@example.com", "grace@example.com"] {
        sign_up_as_robot(&stage, &form, email).await;
    }
    let replay = async |request| {
        let path = "/v1/customers/engines/replays";
        let answer = stage.post(path, request).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        (answer.body["leads"].clone(), answer.body["others"].clone())
    };

    let plain = replay(json!({})).await;
    let captchas = replay(json!({"status": "quarantined", "reason": "captcha"})).await;
    let dry = replay(json!({"status": "quarantined", "dry_run": true})).await;
    assert!(stage.memory.queue.sent().is_empty());
    let request = json!({"status": "quarantined", "reason": "honeypot"});
    let released = replay(request.clone()).await;
    let twice = replay(request).await;

    let both = (json!({"quarantined.honeypot": 2}), json!(0));
    assert_eq!(plain, (json!({}), json!(2)));
    assert_eq!(captchas, (json!({}), json!(0)));
    assert_eq!((dry, released), (both.clone(), both));
    assert_eq!(twice, (json!({}), json!(0)));
    assert_eq!(stage.memory.queue.sent().len(), 2);
}

#[tokio::test]
async fn customers_page_cannot_release_quarantined_leads() {
    let stage = Stage::with_customers().await;
    sign_up_as_robot(&stage, &stage.form().await, "ada@example.com").await;
    let path = format!("{}/retry", stage.manage_path().await);

    let label = "label=quarantined.honeypot";
    let (preview_status, _, _) = stage.page("GET", &format!("{path}?{label}"), "").await;
    let (done, _, _) = stage.page("POST", &path, label).await;

    assert_eq!((preview_status, done), (404, 404));
    assert!(stage.memory.queue.sent().is_empty());
}

#[tokio::test]
async fn health_reports_quarantined_leads_by_customer_from_the_alarms_threshold_on() {
    let mut stage = Stage::with_customers().await;
    stage.api.admin.quarantine_alarm = 3;
    let engines = stage.form().await;
    let form = json!({"name": "News", "consent_statement": "Looms may mail me."});
    let looms = stage.post("/v1/customers/looms/forms", form).await;
    let looms = looms.text("form_id");
    let finding = async || {
        let health = stage.get("/v1/health").await;
        let checks = health.body["checks"].as_array().unwrap().clone();
        let check = checks
            .into_iter()
            .find(|check| check["name"] == "quarantine");
        check.unwrap()["detail"].clone()
    };

    sign_up_as_robot(&stage, &engines, "ada0@example.com").await;
    sign_up_as_robot(&stage, &looms, "ada1@example.com").await;
    assert_eq!(finding().await, json!(null));
    sign_up_as_robot(&stage, &looms, "ada2@example.com").await;

    let detail = finding().await;
    let by_customer = "looms (2), engines (1)";
    assert!(detail.as_str().unwrap().contains(by_customer), "{detail}");
}
