//! Captcha verification, with the secret in Secrets Manager and a fake provider.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_config::SdkConfig;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Form, Router, routing};
use leadfeed_shared::adapters::SiteVerify;
use leadfeed_shared::domain::captcha::{Captcha, CaptchaProvider, OnFailure};
use leadfeed_shared::ports::{CaptchaCheck as _, CaptchaOutcome, CaptchaSecrets as _};
use leadfeed_tests::serve;
use libtest_mimic::Trial;
use tokio::runtime::Handle;

use crate::fresh;

type Fields = HashMap<String, String>;
type Requests = Arc<Mutex<Vec<Fields>>>;

pub fn trial(aws: &SdkConfig, runtime: &Handle) -> Trial {
    let (aws, runtime) = (aws.clone(), runtime.clone());
    let name = "aws::captcha::response_is_verified_with_the_forms_secret_and_an_outage_is_an_error";
    Trial::test(name, move || {
        runtime.block_on(run(aws));
        Ok(())
    })
}

async fn run(aws: SdkConfig) {
    let requests = Requests::default();
    let secrets = aws_sdk_secretsmanager::Client::new(&aws);
    let prefix = format!("leadfeed/{}", fresh::text());
    let provider = Router::new()
        .route("/", routing::post(provider_response))
        .with_state(requests.clone());
    let base = serve(provider).await.unwrap();
    let captcha = SiteVerify::new(secrets, prefix, Some(base.parse().unwrap()));
    let form = fresh::form(0);
    let mut settings = Captcha {
        provider: CaptchaProvider::Turnstile,
        site_key: "first".to_owned(),
        on_failure: OnFailure::Refuse,
    };
    let verify = async |answer| captcha.check(&form, &settings, answer).await;

    assert!(verify("good").await.is_err(), "there is no secret yet");
    assert!(requests.lock().unwrap().is_empty());
    captcha
        .store_secret(&form, &"SENTINEL".into())
        .await
        .unwrap();

    assert_eq!(verify("good").await.unwrap(), CaptchaOutcome::Passed);
    assert_eq!(verify("used").await.unwrap(), CaptchaOutcome::Failed);
    let sent = requests.lock().unwrap()[0].clone();
    let expected = [("secret", "SENTINEL"), ("response", "good")];
    assert_eq!(
        sent,
        expected
            .map(|(name, value)| (name.into(), value.into()))
            .into()
    );
    for outage in ["down", "html", "ours", "silent"] {
        let error = verify(outage).await.unwrap_err();
        let message = format!("{error:?} {error}");
        assert!(!message.contains("SENTINEL"), "{message}");
    }
    captcha.store_secret(&form, &"next".into()).await.unwrap();
    assert!(verify("ours").await.is_err());
    verify("good").await.unwrap();
    assert_eq!(requests.lock().unwrap().last().unwrap()["secret"], "next");

    settings.site_key = "second".to_owned();
    captcha.store_secret(&form, &"its".into()).await.unwrap();
    captcha.check(&form, &settings, "good").await.unwrap();
    assert_eq!(requests.lock().unwrap().last().unwrap()["secret"], "its");
    captcha.delete_secret(&form).await.unwrap();
    captcha.delete_secret(&form).await.unwrap();
}

/// Secrets Manager goes on deleting for a while after it has answered.
pub fn deleted_secret_trial(aws: &SdkConfig, runtime: &Handle) -> Trial {
    let (aws, runtime) = (aws.clone(), runtime.clone());
    let name = "aws::captcha::secret_is_stored_again_while_the_deleted_one_still_exists";
    Trial::test(name, move || {
        runtime.block_on(store_while_deleting(aws));
        Ok(())
    })
}

async fn store_while_deleting(aws: SdkConfig) {
    let requests = Arc::new(AtomicUsize::new(0));
    let secrets_manager = Router::new()
        .route("/", routing::post(still_deleting))
        .with_state(Arc::clone(&requests));
    let base = serve(secrets_manager).await.unwrap();
    let config = aws_sdk_secretsmanager::config::Builder::from(&aws).endpoint_url(base);
    let client = aws_sdk_secretsmanager::Client::from_conf(config.build());
    let captcha = SiteVerify::new(client, "leadfeed/test".to_owned(), None);

    let stored = captcha
        .store_secret(&fresh::form(0), &"SENTINEL".into())
        .await;

    stored.unwrap();
    assert_eq!(requests.load(Ordering::Relaxed), 4, "put and create, twice");
}

/// Neither stores nor creates at first; creates at the second try.
async fn still_deleting(State(requests): State<Arc<AtomicUsize>>) -> (StatusCode, &'static str) {
    match requests.fetch_add(1, Ordering::Relaxed) {
        0 | 2 => (
            StatusCode::BAD_REQUEST,
            r#"{"__type":"ResourceNotFoundException"}"#,
        ),
        1 => (
            StatusCode::BAD_REQUEST,
            r#"{"__type":"InvalidRequestException"}"#,
        ),
        _ => (StatusCode::OK, r#"{"Name":"captcha"}"#),
    }
}

/// Answers depending on the request.
async fn provider_response(
    State(requests): State<Requests>,
    Form(fields): Form<Fields>,
) -> (StatusCode, &'static str) {
    let answer = fields.get("response").cloned().unwrap_or_default();
    requests.lock().unwrap().push(fields);
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
