use jiff::SignedDuration;
use leadfeed_shared::domain::connection::{Connection, ConnectionStatus, LimitedReason};
use leadfeed_shared::domain::crm::CrmError;
use leadfeed_shared::domain::ids::AppId;
use leadfeed_shared::domain::token::Grant;
use leadfeed_shared::fakes::Call;
use leadfeed_shared::ports::TokenError;

use crate::browser::Browser;
use crate::stage::{ENGINES, LOOMS, Stage};

const UNCONFIRMED: ConnectionStatus = ConnectionStatus::Limited {
    reason: LimitedReason::AccountChanged,
};

#[tokio::test]
async fn a_callback_without_state_is_refused_without_a_token_call() {
    let stage = Stage::new().await;
    let (mut browser, _) = stage.departed().await;

    let answer = browser.land(&stage, "/oauth/callback?code=abc").await;

    assert_eq!(answer.status, 400);
    assert_eq!(stage.exchanges(), 0);
}

#[tokio::test]
async fn an_unknown_or_expired_state_means_start_again() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.departed().await;
    let back = stage.agreed(ENGINES, &state);

    for unknown in ["", "x", &state[1..], &state.to_lowercase()] {
        let path = format!("/oauth/callback?code=abc&state={unknown}");
        let answer = browser.land(&stage, &path).await;
        assert_eq!(answer.status, 400, "{unknown}");
        assert!(answer.body.contains("Please start again"));
    }
    stage.memory.clock.advance(SignedDuration::from_mins(10));
    let late = browser.land(&stage, &back).await;

    assert_eq!(late.status, 400);
    assert!(late.body.contains("Please start again"));
    assert_eq!(stage.exchanges(), 0);
}

#[tokio::test]
async fn a_state_is_good_once_and_the_connection_it_made_stays() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.departed().await;
    let first = browser.get(&stage, &stage.agreed(ENGINES, &state)).await;
    let row = stage.row().await;

    let mut stranger = Browser::default();
    for again in [&mut browser, &mut stranger] {
        let answer = again.land(&stage, &stage.agreed(LOOMS, &state)).await;
        assert_eq!(answer.status, 400);
    }

    assert_eq!(first.location(), "/connect/lists");
    assert_eq!(stage.row().await, row);
    assert_eq!(stage.exchanges(), 1);
}

#[tokio::test]
async fn another_browser_is_refused_and_burns_the_state() {
    let stage = Stage::new().await;
    let (mut victim, _) = stage.departed().await;
    for cookieless in [true, false] {
        let (mut attacker, state) = stage.departed().await;
        let back = stage.agreed(LOOMS, &state);
        let mut other = Browser::default();
        let other = if cookieless { &mut other } else { &mut victim };

        assert_eq!(other.land(&stage, &back).await.status, 403);
        assert_eq!(attacker.land(&stage, &back).await.status, 409);
    }

    assert_eq!(stage.exchanges(), 0);
    assert!(stage.row().await.is_none());
}

#[tokio::test]
async fn looking_at_the_way_back_without_walking_it_burns_nothing() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.departed().await;
    let back = stage.agreed(ENGINES, &state);

    let head = browser.send(&stage, "HEAD", &back, None).await;

    assert_eq!(head.status, 403);
    let answer = browser.get(&stage, &back).await;
    assert_eq!(answer.location(), "/connect/lists");
}

#[tokio::test]
async fn declining_keeps_what_was_connected() {
    let stage = Stage::new().await;
    stage.complete(ENGINES).await;
    let row = stage.row().await;
    let (mut browser, state) = stage.departed().await;

    let path = format!("/oauth/callback?error=access_denied&error_description=x&state={state}");
    let answer = browser.get(&stage, &path).await;
    let page = browser.get(&stage, answer.location()).await;

    assert_eq!(page.status, 200);
    assert!(page.body.contains("You declined"));
    assert_eq!(stage.row().await, row);
    let again = browser.post(&stage, "/connect/again", "").await;
    assert_eq!(again.query()["prompt"], "login");
}

#[tokio::test]
async fn a_refused_application_is_told_apart_from_an_outage() {
    let stage = Stage::new().await;
    for (error, status) in [
        ("unauthorized_client", 400),
        ("invalid_scope", 400),
        ("server_error", 502),
        ("temporarily_unavailable", 502),
    ] {
        let (mut browser, state) = stage.departed().await;
        let path = format!("/oauth/callback?error={error}&state={state}");
        assert_eq!(browser.land(&stage, &path).await.status, status, "{error}");
    }
}

#[tokio::test]
async fn a_dead_code_stores_nothing() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.departed().await;

    let path = format!("/oauth/callback?code=replayed&state={state}");
    let answer = browser.land(&stage, &path).await;

    assert_eq!(answer.status, 400);
    assert!(stage.row().await.is_none());
    assert!(!stage.has_tokens().await);
}

#[tokio::test]
async fn a_lost_or_unreadable_token_answer_is_not_asked_for_again() {
    for error in [TokenError::AnswerLost, TokenError::Unavailable] {
        let stage = Stage::new().await;
        let (mut browser, state) = stage.departed().await;
        stage.memory.crm.token_answer_next(error);

        let answer = browser.land(&stage, &stage.agreed(ENGINES, &state)).await;

        assert_eq!(answer.status, 502);
        assert_eq!(stage.exchanges(), 1);
        assert!(stage.row().await.is_none());
        let again = browser.post(&stage, "/connect/again", "").await;
        let state = again.query()["state"].clone();
        let answer = browser.get(&stage, &stage.agreed(ENGINES, &state)).await;
        assert_eq!(answer.location(), "/connect/lists");
    }
}

#[tokio::test]
async fn a_grant_that_is_not_enough_names_what_is_missing() {
    for (edit, word) in [
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
        let (mut browser, state) = stage.departed().await;
        stage.memory.crm.edit_grants(edit);

        let answer = browser.land(&stage, &stage.agreed(ENGINES, &state)).await;

        assert_eq!(answer.status, 400);
        assert!(answer.body.contains(word), "{}", answer.body);
        assert!(stage.row().await.is_none());
        assert!(!stage.has_tokens().await);
    }
}

#[tokio::test]
async fn two_callbacks_at_one_moment_are_one_exchange() {
    let stage = Stage::new().await;
    let (browser, state) = stage.departed().await;
    let back = stage.agreed(ENGINES, &state);
    let mut twin = Browser {
        cookies: browser.cookies.clone(),
    };
    let mut browser = browser;

    let (one, two) = tokio::join!(browser.land(&stage, &back), twin.land(&stage, &back));

    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(stage.exchanges(), 1);
    assert_eq!(twin.get(&stage, "/connect/lists").await.status, 200);
}

#[tokio::test]
async fn a_wrong_issuer_is_refused_and_an_absent_one_is_not() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.departed().await;
    let back = stage.agreed(ENGINES, &state);
    let wrong = browser
        .land(&stage, &format!("{back}&iss=https://evil.example"))
        .await;
    assert_eq!((wrong.status, stage.exchanges()), (400, 0));

    let (mut browser, state) = stage.departed().await;
    let right = "https%3A%2F%2Fidentity.constantcontact.com%2Foauth2%2Faus1lm3ry9mF7x2Ja0h8";
    let back = stage.agreed(ENGINES, &state);
    let right = browser.get(&stage, &format!("{back}&iss={right}")).await;
    assert_eq!(right.location(), "/connect/lists");
}

#[tokio::test]
async fn of_what_an_answer_says_twice_the_first_counts() {
    let stage = Stage::new().await;
    let right = "https%3A%2F%2Fidentity.constantcontact.com%2Foauth2%2Faus1lm3ry9mF7x2Ja0h8";
    let issuers = format!("iss=https://evil.example&iss={right}");
    for first in [issuers.as_str(), "state=x"] {
        let (mut browser, state) = stage.departed().await;
        let agreed = stage.agreed(ENGINES, &state);
        let (path, said) = agreed.split_once('?').unwrap();

        let answer = browser
            .land(&stage, &format!("{path}?{first}&{said}"))
            .await;

        assert_eq!((answer.status, stage.exchanges()), (400, 0), "{first}");
    }
}

#[tokio::test]
async fn another_account_waits_for_a_word_however_often_it_is_connected() {
    let stage = Stage::new().await;
    stage.complete(ENGINES).await;

    stage.connected(LOOMS).await;
    assert_eq!(stage.status().await, UNCONFIRMED);
    let (mut browser, answer) = stage.connected(LOOMS).await;
    assert_eq!(stage.status().await, UNCONFIRMED);
    let page = browser.get(&stage, answer.location()).await;
    assert_eq!(page.status, 409);
    assert!(page.body.contains("Jacquard Looms"));
    let early = browser
        .post(&stage, "/connect/lists", "new_list=x&terms=yes")
        .await;
    assert_eq!(early.location(), "/connect/lists");
    assert_eq!(
        browser.get(&stage, "/connect/lists").await.location(),
        "/connect/account"
    );

    let confirmed = browser.post(&stage, "/connect/account", "").await;

    assert_eq!(confirmed.location(), "/connect/lists");
    let row = stage.row().await.unwrap();
    assert_eq!(row.status, ConnectionStatus::Active);
    assert_eq!(
        (row.account.id.as_str(), row.terms, row.lists),
        (LOOMS, None, vec![])
    );
}

#[tokio::test]
async fn a_user_without_rights_is_noted_and_told_who_has_to_connect() {
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
async fn a_user_without_rights_does_not_stop_a_connection_that_works() {
    let stage = Stage::new().await;
    stage.complete(ENGINES).await;
    let row = stage.row().await.unwrap();
    stage.memory.crm.set_privileges(ENGINES, &[]);

    let (mut browser, answer) = stage.connected(ENGINES).await;

    let page = browser.get(&stage, answer.location()).await;
    assert_eq!(page.status, 403);
    let after = stage.row().await.unwrap();
    let with_new_tokens = Connection {
        generation: row.generation + 1,
        token_expires_at: after.token_expires_at,
        ..row
    };
    assert_eq!(after, with_new_tokens);
}

#[tokio::test]
async fn an_application_that_may_not_use_the_account_is_told_so() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.departed().await;
    stage.memory.crm.answer_next(CrmError::Forbidden);

    let answer = browser.land(&stage, &stage.agreed(ENGINES, &state)).await;

    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("approved for other people’s accounts"));
    assert!(stage.row().await.is_none());
}

#[tokio::test]
async fn a_passing_trouble_of_the_api_is_waited_out() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.departed().await;
    stage.memory.crm.answer_next(CrmError::Unavailable);
    stage.memory.crm.answer_next(CrmError::THROTTLED);

    let answer = browser.get(&stage, &stage.agreed(ENGINES, &state)).await;

    assert_eq!(answer.location(), "/connect/lists");
}

#[tokio::test]
async fn a_code_is_exchanged_by_the_secret_of_the_moment_at_the_first_try() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.departed().await;
    let back = stage.agreed(ENGINES, &state);
    let (memory, app) = (&stage.memory, AppId::default_app());
    memory.crm.register("client", "new-secret");
    memory.apps.set(&app, "client", "new-secret");

    let answer = browser.get(&stage, &back).await;

    assert_eq!(answer.location(), "/connect/lists");
    assert_eq!(stage.exchanges(), 1);
}

#[tokio::test]
async fn a_wrong_client_secret_is_tried_once() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.departed().await;
    let back = stage.agreed(ENGINES, &state);
    stage.memory.crm.register("client", "unknown-here");

    let answer = browser.land(&stage, &back).await;

    assert_eq!((answer.status, stage.exchanges()), (503, 1));
    assert!(stage.row().await.is_none());
}
