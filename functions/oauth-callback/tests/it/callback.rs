use jiff::SignedDuration;
use leadfeed_shared::domain::connection::{Connection, ConnectionStatus, LimitedReason};
use leadfeed_shared::domain::crm::CrmError;
use leadfeed_shared::domain::ids::AppId;
use leadfeed_shared::domain::token::Grant;
use leadfeed_shared::fakes::Call;
use leadfeed_shared::ports::TokenError;

use crate::browser::Browser;
use crate::stage::{ENGINES, LOOMS, Stage};

#[tokio::test]
async fn a_callback_without_state_is_refused_without_a_token_call() {
    let stage = Stage::new().await;
    let (mut browser, _) = stage.started().await;

    let answer = browser
        .follow_callback(&stage, "/oauth/callback?code=abc")
        .await;

    assert_eq!(answer.status, 400);
    assert_eq!(stage.exchanges(), 0);
}

#[tokio::test]
async fn unknown_or_expired_state_asks_to_start_again() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.started().await;
    let callback = stage.callback_url(ENGINES, &state);

    for unknown in ["", "x", &state[1..], &state.to_lowercase()] {
        let path = format!("/oauth/callback?code=abc&state={unknown}");
        let answer = browser.follow_callback(&stage, &path).await;
        assert_eq!(answer.status, 400, "{unknown}");
        assert!(answer.body.contains("Please start again"));
    }
    stage.memory.clock.advance(SignedDuration::from_mins(10));
    let late = browser.follow_callback(&stage, &callback).await;

    assert_eq!(late.status, 400);
    assert!(late.body.contains("Please start again"));
    assert_eq!(stage.exchanges(), 0);
}

#[tokio::test]
async fn state_is_single_use_and_reusing_it_keeps_the_connection() {
    let stage = Stage::new().await;
    let (mut owner, state) = stage.started().await;
    let first = owner
        .get(&stage, &stage.callback_url(ENGINES, &state))
        .await;
    let row = stage.connection().await;

    let mut stranger = Browser::default();
    for browser in [&mut owner, &mut stranger] {
        let answer = browser
            .follow_callback(&stage, &stage.callback_url(LOOMS, &state))
            .await;
        assert_eq!(answer.status, 400);
    }

    assert_eq!(first.location(), "/connect/lists");
    assert_eq!(stage.connection().await, row);
    assert_eq!(stage.exchanges(), 1);
}

#[tokio::test]
async fn callback_in_another_browser_is_refused_and_uses_up_the_state() {
    let stage = Stage::new().await;
    let (mut victim, _) = stage.started().await;
    for cookieless in [true, false] {
        let (mut attacker, state) = stage.started().await;
        let callback = stage.callback_url(LOOMS, &state);
        let mut other = Browser::default();
        let other = if cookieless { &mut other } else { &mut victim };

        assert_eq!(other.follow_callback(&stage, &callback).await.status, 403);
        assert_eq!(
            attacker.follow_callback(&stage, &callback).await.status,
            409
        );
    }

    assert_eq!(stage.exchanges(), 0);
    assert!(stage.connection().await.is_none());
}

#[tokio::test]
async fn head_request_to_the_callback_does_not_use_up_the_state() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.started().await;
    let callback = stage.callback_url(ENGINES, &state);

    let head = browser.send(&stage, "HEAD", &callback, None).await;

    assert_eq!(head.status, 403);
    let answer = browser.get(&stage, &callback).await;
    assert_eq!(answer.location(), "/connect/lists");
}

#[tokio::test]
async fn declining_keeps_the_earlier_connection() {
    let stage = Stage::new().await;
    stage.connected_with_list(ENGINES).await;
    let row = stage.connection().await;
    let (mut browser, state) = stage.started().await;

    let path = format!("/oauth/callback?error=access_denied&error_description=x&state={state}");
    let answer = browser.get(&stage, &path).await;
    let page = browser.get(&stage, answer.location()).await;

    assert_eq!(page.status, 200);
    assert!(page.body.contains("You declined"));
    assert_eq!(stage.connection().await, row);
    let again = browser.post(&stage, "/connect/again", "").await;
    assert_eq!(again.query()["prompt"], "login");
}

#[tokio::test]
async fn authorization_error_tells_a_refused_application_from_an_outage() {
    let stage = Stage::new().await;
    for (error, status) in [
        ("unauthorized_client", 400),
        ("invalid_scope", 400),
        ("server_error", 502),
        ("temporarily_unavailable", 502),
    ] {
        let (mut browser, state) = stage.started().await;
        let path = format!("/oauth/callback?error={error}&state={state}");
        assert_eq!(
            browser.follow_callback(&stage, &path).await.status,
            status,
            "{error}"
        );
    }
}

#[tokio::test]
async fn invalid_code_stores_nothing() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.started().await;

    let path = format!("/oauth/callback?code=replayed&state={state}");
    let answer = browser.follow_callback(&stage, &path).await;

    assert_eq!(answer.status, 400);
    assert!(stage.connection().await.is_none());
    assert!(!stage.has_tokens().await);
}

#[tokio::test]
async fn failed_or_lost_token_exchange_is_not_retried() {
    for error in [TokenError::AnswerLost, TokenError::Unavailable] {
        let stage = Stage::new().await;
        let (mut browser, state) = stage.started().await;
        stage.memory.crm.fail_next_token_call(error);

        let answer = browser
            .follow_callback(&stage, &stage.callback_url(ENGINES, &state))
            .await;

        assert_eq!(answer.status, 502);
        assert_eq!(stage.exchanges(), 1);
        assert!(stage.connection().await.is_none());
        let again = browser.post(&stage, "/connect/again", "").await;
        let state = again.query()["state"].clone();
        let answer = browser
            .get(&stage, &stage.callback_url(ENGINES, &state))
            .await;
        assert_eq!(answer.location(), "/connect/lists");
    }
}

#[tokio::test]
async fn insufficient_grant_is_refused_and_the_missing_scope_named() {
    for (edit, missing) in [
        (
            (|grant| Grant {
                refresh: None,
                ..grant
            }) as fn(_) -> _,
            "offline_access",
        ),
        (
            |grant| Grant {
                scope: Some("account_read offline_access".into()),
                ..grant
            },
            "contact_data",
        ),
        (
            |grant| Grant {
                scope: Some("contact_data offline_access".into()),
                ..grant
            },
            "account_read",
        ),
    ] {
        let stage = Stage::new().await;
        let (mut browser, state) = stage.started().await;
        stage.memory.crm.edit_grants(edit);

        let answer = browser
            .follow_callback(&stage, &stage.callback_url(ENGINES, &state))
            .await;

        assert_eq!(answer.status, 400);
        assert!(answer.body.contains(missing), "{}", answer.body);
        assert!(stage.connection().await.is_none());
        assert!(!stage.has_tokens().await);
    }
}

#[tokio::test]
async fn concurrent_callbacks_exchange_the_code_once() {
    let stage = Stage::new().await;
    let (browser, state) = stage.started().await;
    let callback = stage.callback_url(ENGINES, &state);
    let mut other_tab = Browser {
        cookies: browser.cookies.clone(),
    };
    let mut browser = browser;

    let (one, two) = tokio::join!(
        browser.follow_callback(&stage, &callback),
        other_tab.follow_callback(&stage, &callback)
    );

    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(stage.exchanges(), 1);
    assert_eq!(other_tab.get(&stage, "/connect/lists").await.status, 200);
}

#[tokio::test]
async fn wrong_issuer_is_refused_and_the_right_one_accepted() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.started().await;
    let callback = stage.callback_url(ENGINES, &state);
    let wrong = browser
        .follow_callback(&stage, &format!("{callback}&iss=https://evil.example"))
        .await;
    assert_eq!((wrong.status, stage.exchanges()), (400, 0));

    let (mut browser, state) = stage.started().await;
    let right = "https%3A%2F%2Fidentity.constantcontact.com%2Foauth2%2Faus1lm3ry9mF7x2Ja0h8";
    let callback = stage.callback_url(ENGINES, &state);
    let right = browser
        .get(&stage, &format!("{callback}&iss={right}"))
        .await;
    assert_eq!(right.location(), "/connect/lists");
}

#[tokio::test]
async fn first_of_repeated_callback_parameters_counts() {
    let stage = Stage::new().await;
    let right_issuer = "https%3A%2F%2Fidentity.constantcontact.com%2Foauth2%2Faus1lm3ry9mF7x2Ja0h8";
    let issuers = format!("iss=https://evil.example&iss={right_issuer}");
    for first in [issuers.as_str(), "state=x"] {
        let (mut browser, state) = stage.started().await;
        let callback = stage.callback_url(ENGINES, &state);
        let (path, parameters) = callback.split_once('?').unwrap();

        let answer = browser
            .follow_callback(&stage, &format!("{path}?{first}&{parameters}"))
            .await;

        assert_eq!((answer.status, stage.exchanges()), (400, 0), "{first}");
    }
}

#[tokio::test]
async fn user_without_privileges_is_recorded_and_told_who_has_to_connect() {
    let stage = Stage::new().await;
    stage
        .memory
        .crm
        .set_privileges(ENGINES, &["contacts:lists:read"]);

    let (mut browser, answer) = stage.connected(ENGINES).await;
    let page = browser.get(&stage, answer.location()).await;

    assert_eq!(page.status, 200);
    assert!(page.body.contains("account owner or an account manager"));
    let reason = LimitedReason::MissingPrivilege;
    assert_eq!(stage.status().await, ConnectionStatus::Limited { reason });
    assert_eq!(stage.memory.crm.count(Call::Lists), 0);
}

#[tokio::test]
async fn user_without_privileges_does_not_break_a_working_connection() {
    let stage = Stage::new().await;
    stage.connected_with_list(ENGINES).await;
    let row = stage.connection().await.unwrap();
    stage.memory.crm.set_privileges(ENGINES, &[]);

    let (mut browser, answer) = stage.connected(ENGINES).await;

    let page = browser.get(&stage, answer.location()).await;
    assert_eq!(page.status, 403);
    let after = stage.connection().await.unwrap();
    let with_new_tokens = Connection {
        generation: row.generation + 1,
        token_expires_at: after.token_expires_at,
        ..row
    };
    assert_eq!(after, with_new_tokens);
}

#[tokio::test]
async fn forbidden_application_is_explained_and_not_connected() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.started().await;
    stage.memory.crm.fail_next(CrmError::Forbidden);

    let answer = browser
        .follow_callback(&stage, &stage.callback_url(ENGINES, &state))
        .await;

    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("approved for other people’s accounts"));
    assert!(stage.connection().await.is_none());
}

#[tokio::test]
async fn transient_api_errors_are_retried() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.started().await;
    stage.memory.crm.fail_next(CrmError::Unavailable);
    stage.memory.crm.fail_next(CrmError::THROTTLED);

    let answer = browser
        .get(&stage, &stage.callback_url(ENGINES, &state))
        .await;

    assert_eq!(answer.location(), "/connect/lists");
}

#[tokio::test]
async fn rotated_client_secret_is_used_at_the_first_exchange() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.started().await;
    let callback = stage.callback_url(ENGINES, &state);
    let (memory, app) = (&stage.memory, AppId::default_app());
    memory.crm.register("client", "new-secret");
    memory.apps.set(&app, "client", "new-secret");

    let answer = browser.get(&stage, &callback).await;

    assert_eq!(answer.location(), "/connect/lists");
    assert_eq!(stage.exchanges(), 1);
}

#[tokio::test]
async fn wrong_client_secret_is_tried_only_once() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.started().await;
    let callback = stage.callback_url(ENGINES, &state);
    stage.memory.crm.register("client", "unknown-here");

    let answer = browser.follow_callback(&stage, &callback).await;

    assert_eq!((answer.status, stage.exchanges()), (503, 1));
    assert!(stage.connection().await.is_none());
}
