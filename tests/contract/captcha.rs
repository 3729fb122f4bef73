//! Captcha verification, with the secret in Secrets Manager and a provider of our own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_config::SdkConfig;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Form, Router, routing};
use leadfeed_shared::adapters::SiteVerify;
use leadfeed_shared::domain::captcha::{Captcha, CaptchaProvider, OnFailure};
use leadfeed_shared::ports::{CaptchaCheck as _, CaptchaSecrets as _, Checked};
use leadfeed_tests::serve;
use libtest_mimic::Trial;
use tokio::runtime::Handle;

use crate::fresh;

type Fields = HashMap<String, String>;
type Asked = Arc<Mutex<Vec<Fields>>>;

pub fn trial(aws: &SdkConfig, runtime: &Handle) -> Trial {
    let (aws, runtime) = (aws.clone(), runtime.clone());
    let name =
        "aws::captcha::an_answer_is_checked_with_the_forms_secret_and_an_outage_is_no_answer";
    Trial::test(name, move || {
        runtime.block_on(check(aws));
        Ok(())
    })
}

async fn check(aws: SdkConfig) {
    let asked = Asked::default();
    let secrets = aws_sdk_secretsmanager::Client::new(&aws);
    let prefix = format!("leadfeed/{}", fresh::text());
    let provider = Router::new()
        .route("/", routing::post(verify))
        .with_state(asked.clone());
    let base = serve(provider).await.unwrap();
    let captcha = SiteVerify::new(secrets, prefix, Some(base.parse().unwrap()));
    let form = fresh::form(0);
    let mut shown = Captcha {
        provider: CaptchaProvider::Turnstile,
        site_key: "first".to_owned(),
        on_failure: OnFailure::Refuse,
    };
    let ip = Some("192.0.2.7");
    let ask = async |answer| captcha.check(&form, &shown, answer, ip).await;

    assert!(ask("good").await.is_err(), "there is no secret yet");
    assert!(asked.lock().unwrap().is_empty());
    captcha
        .keep_secret(&form, &"SENTINEL".into())
        .await
        .unwrap();

    assert_eq!(ask("good").await.unwrap(), Checked::Passed);
    assert_eq!(ask("used").await.unwrap(), Checked::Failed);
    let sent = asked.lock().unwrap()[0].clone();
    let expected = [
        ("secret", "SENTINEL"),
        ("response", "good"),
        ("remoteip", "192.0.2.7"),
    ];
    assert_eq!(
        sent,
        expected
            .map(|(name, value)| (name.into(), value.into()))
            .into()
    );
    for outage in ["down", "html", "ours", "silent"] {
        let error = ask(outage).await.unwrap_err();
        let words = format!("{error:?} {error}");
        assert!(!words.contains("SENTINEL"), "{words}");
    }
    captcha.keep_secret(&form, &"next".into()).await.unwrap();
    assert!(ask("ours").await.is_err());
    ask("good").await.unwrap();
    assert_eq!(asked.lock().unwrap().last().unwrap()["secret"], "next");

    shown.site_key = "second".to_owned();
    captcha.keep_secret(&form, &"its".into()).await.unwrap();
    captcha.check(&form, &shown, "good", ip).await.unwrap();
    assert_eq!(asked.lock().unwrap().last().unwrap()["secret"], "its");
    captcha.forget_secret(&form).await.unwrap();
    captcha.forget_secret(&form).await.unwrap();
}

/// Answers depending on the request.
async fn verify(
    State(asked): State<Asked>,
    Form(fields): Form<Fields>,
) -> (StatusCode, &'static str) {
    let answer = fields.get("response").cloned().unwrap_or_default();
    asked.lock().unwrap().push(fields);
    match answer.as_str() {
        "good" => (StatusCode::OK, r#"{"success":true}"#),
        "used" => (
            StatusCode::OK,
            r#"{"success":false,"error-codes":["timeout-or-duplicate"]}"#,
        ),
        "ours" => (
            StatusCode::OK,
            r#"{"success":false,"error-codes":["invalid-input-secret"]}"#,
        ),
        "html" => (StatusCode::OK, "<html>"),
        "silent" => std::future::pending().await,
        _ => (StatusCode::SERVICE_UNAVAILABLE, r#"{"success":true}"#),
    }
}
