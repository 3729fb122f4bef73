//! Error pages: what they say, and at which URLs.

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::budget::{BudgetState, Limits, Pause};
use leadfeed_shared::domain::connection::{ConnectionStatus, LimitedReason, ReconnectReason};
use leadfeed_shared::domain::crm::CrmError;
use leadfeed_shared::domain::ids::AppId;
use leadfeed_shared::fakes::Fault;
use leadfeed_shared::ports::{Clock as _, Connections as _};

use crate::browser::{Browser, handle_event};
use crate::stage::{ENGINES, Stage};

#[tokio::test]
async fn failed_callback_redirects_to_a_url_without_code_or_state() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.started().await;
    let callback = stage.callback_url(ENGINES, &state);
    let refused = format!("{callback}&iss=https://evil.example");

    for (browser, path) in [
        (&mut Browser::default(), callback.as_str()),
        (&mut browser, refused.as_str()),
        (&mut Browser::default(), "/oauth/callback?code=abc"),
        (
            &mut Browser::default(),
            "/oauth/callback?error=invalid_scope",
        ),
    ] {
        let answer = browser.get(&stage, path).await;
        assert!(answer.location().starts_with("/connect/trouble/"), "{path}");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    let made_up = Browser::default().get(&stage, "/connect/trouble/<b>").await;
    assert_eq!(made_up.status, 400);
    assert!(!made_up.body.contains("<b>"));
}

#[tokio::test]
async fn lists_page_of_a_broken_connection_says_why() {
    let limited = |reason| ConnectionStatus::Limited { reason };
    let not_allowed = "Constant Contact does not allow this yet";
    let needs_reconnect = ConnectionStatus::NeedsReconnect {
        reason: ReconnectReason::InvalidGrant,
        since: Timestamp::UNIX_EPOCH,
    };
    for (status, code, expected) in [
        (limited(LimitedReason::AppDeactivated), 403, not_allowed),
        (limited(LimitedReason::MissingScope), 403, not_allowed),
        (needs_reconnect, 409, "No account is connected yet"),
    ] {
        let stage = Stage::new().await;
        let mut browser = stage.connected_with_list(ENGINES).await;
        let generation = stage.connection().await.unwrap().generation;
        let directory = &stage.memory.directory;
        let set = directory.set_status(&stage.customer, generation, &status);
        assert!(set.await.unwrap());

        let page = browser.get(&stage, "/connect/lists").await;

        assert_eq!(page.status, code, "{status:?}");
        assert!(page.body.contains(expected), "{}", page.body);
    }
}

#[tokio::test]
async fn error_page_url_returns_5xx_only_to_a_browser_with_a_session() {
    let stage = Stage::new().await;
    let (mut redirected, _) = stage.started().await;
    let mut stranger = Browser::default();
    let mut forger = Browser::default();
    for (name, cookie) in &redirected.cookies {
        forger.cookies.insert(name.clone(), format!("{cookie}A"));
    }

    for (code, status) in [
        ("constant_contact_unavailable", 502),
        ("unavailable", 503),
        ("busy", 503),
        ("app_unknown", 503),
    ] {
        let path = format!("/connect/trouble/{code}");
        assert_eq!(redirected.get(&stage, &path).await.status, status, "{code}");
        for other in [&mut stranger, &mut forger] {
            let page = other.get(&stage, &path).await;
            assert_eq!(page.status, 400, "{code}");
            assert!(page.body.contains("callback_incomplete"));
        }
    }
}

#[tokio::test]
async fn spent_daily_budget_prevents_the_exchange_and_keeps_the_link_usable() {
    let stage = Stage::new().await;
    let (app, now) = (AppId::default_app(), stage.memory.clock.now());
    let (mut browser, state) = stage.started().await;
    let (mut late, link) = (Browser::default(), stage.link().await);
    late.get(&stage, &link).await;
    let spent = BudgetState::assumed(Limits::default(), now).paused(now, Pause::Day);
    stage.memory.budget.set(&app, spent);

    let landed = browser
        .follow_callback(&stage, &stage.callback_url(ENGINES, &state))
        .await;
    let started = late.post(&stage, &link, "").await;

    assert_eq!(stage.exchanges(), 0);
    for page in [landed, started] {
        assert_eq!(page.status, 503);
        assert_eq!(page.headers["retry-after"], "43200");
        assert!(page.body.contains("24 November 2026, 00:00 (UTC)"));
        assert!(!page.body.contains("<button"));
    }
    let unused = BudgetState::assumed(Limits::default(), now);
    stage.memory.budget.set(&app, unused);
    assert_eq!(late.post(&stage, &link, "").await.status, 303);
}

#[tokio::test]
async fn code_is_not_exchanged_if_the_calls_after_it_would_have_to_wait() {
    let limits = Limits::default();
    let retry_after = SignedDuration::from_secs(30);
    let throttled = |state: BudgetState, now| state.paused(now, Pause::For(retry_after));
    let nearly_spent = |state: BudgetState, _| BudgetState {
        spent: limits.per_day - 2,
        ..state
    };
    for (change, code) in [
        (&throttled as &dyn Fn(_, _) -> BudgetState, "busy"),
        (&nearly_spent, "no_calls"),
    ] {
        let stage = Stage::new().await;
        let now = stage.memory.clock.now();
        let (mut browser, state) = stage.started().await;
        let budget = change(BudgetState::assumed(limits, now), now);
        stage.memory.budget.set(&AppId::default_app(), budget);

        let page = browser
            .follow_callback(&stage, &stage.callback_url(ENGINES, &state))
            .await;

        assert_eq!((page.status, stage.exchanges()), (503, 0));
        assert!(page.body.contains(code), "{}", page.body);
    }
}

#[tokio::test]
async fn retry_time_given_by_the_api_is_shown_and_forged_ones_are_refused() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.started().await;
    let retry_after = SignedDuration::from_mins(30);
    stage
        .memory
        .crm
        .fail_next(CrmError::Throttled { retry_after });

    let page = browser
        .follow_callback(&stage, &stage.callback_url(ENGINES, &state))
        .await;

    assert_eq!(page.status, 503);
    assert!(page.body.contains("12:31 (UTC)"), "{}", page.body);
    for made_up in ["no_calls", "no_calls/x", "busy/1795478400", "no_calls/01"] {
        let path = format!("/connect/trouble/{made_up}");
        assert_eq!(browser.get(&stage, &path).await.status, 400, "{made_up}");
    }
}

#[tokio::test]
async fn failing_to_create_the_new_list_keeps_the_rest_of_the_choice() {
    let throttled = |minutes| CrmError::Throttled {
        retry_after: SignedDuration::from_mins(minutes),
    };
    let until = "The new list cannot be created before 23 November 2026, 12:31 (UTC)";
    for (failure, status, message) in [
        (
            Some(CrmError::Unavailable),
            502,
            "We could not reach Constant Contact",
        ),
        (
            Some(throttled(1)),
            503,
            "The new list cannot be created right now",
        ),
        (Some(throttled(30)), 503, until),
        (None, 503, "The new list cannot be created right now"),
    ] {
        let stage = Stage::new().await;
        let (mut browser, _) = stage.connected(ENGINES).await;
        let list = &stage.connection().await.unwrap().catalog.lists[0].id;
        let choice = format!("list={list}&new_list=From+the+web&terms=yes");
        match &failure {
            Some(error) => stage.memory.crm.fail_next(error.clone()),
            // The session, the customer and the connection are read before the tokens.
            None => {
                let tokens = stage.memory.faults.steps() + 4;
                stage.memory.faults.at(tokens, Fault::FailBefore);
            }
        }

        let page = browser.post(&stage, "/connect/lists", &choice).await;

        let shown = &page.body;
        assert_eq!(page.status, status, "{failure:?}");
        assert!(shown.contains(message), "{shown}");
        let has_retry_after = page.headers.contains_key("retry-after");
        assert_eq!(has_retry_after, status == 503, "{failure:?}");
        assert!(shown.contains("Choose one that is there, or save again later."));
        assert!(shown.contains("value=\"From the web\" aria-invalid"));
        let ticked = format!("value=\"{list}\" checked");
        assert!(shown.contains(&ticked) && shown.matches(" checked").count() == 2);
        assert!(!shown.contains("was not connected"));
        assert_eq!(stage.connection().await.unwrap().lists, vec![]);
        stage.memory.clock.advance(SignedDuration::from_mins(31));
        let saved = browser
            .submit_form(&stage, &page, "/connect/lists", &choice)
            .await;
        assert_eq!(saved.location(), "/connect/done");
        assert_eq!(stage.connection().await.unwrap().lists.len(), 2);
    }
}

#[tokio::test]
async fn problem_details_say_what_to_do_and_when_to_retry() {
    let stage = Stage::new().await;
    let link = stage.link().await;
    let program = async |path: &str| {
        let mut event = Browser::default().event("GET", path, None);
        event["headers"]["accept"] = "*/*".into();
        handle_event(&stage, event).await
    };

    stage.memory.faults.next(Fault::FailBefore);
    let out_of_order = program(&link).await;
    let unusable = program("/connect/x").await;

    assert_eq!(out_of_order.status, 503);
    assert_eq!(out_of_order.headers["retry-after"], "5");
    assert!(out_of_order.body.contains("please try again in a moment"));
    assert!(unusable.body.contains("ask whoever sent it"));
    assert!(!unusable.headers.contains_key("retry-after"));
    stage.memory.faults.next(Fault::FailBefore);
    let page = Browser::default().get(&stage, &link).await;
    assert_eq!(page.headers["retry-after"], "5");
}
