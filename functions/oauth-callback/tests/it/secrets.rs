use leadfeed_shared::domain::crm::{CrmError, Refusal};
use leadfeed_shared::domain::ids::AppId;
use leadfeed_shared::domain::token::Grant;
use leadfeed_shared::fakes::Fault;
use leadfeed_shared::ports::TokenError;

use crate::browser::{Answer, Browser};
use crate::log::Log;
use crate::stage::{ENGINES, LOOMS, Stage};

/// Stands for tokens, codes, secrets and refusals: must appear nowhere.
const SENTINEL: &str = "SENTINEL";

fn with_sentinels(grant: Grant) -> Grant {
    Grant {
        access: SENTINEL.into(),
        refresh: Some(SENTINEL.into()),
        ..grant
    }
}

fn without_refresh_token(grant: Grant) -> Grant {
    Grant {
        refresh: None,
        ..with_sentinels(grant)
    }
}

/// A stage whose client secret is the sentinel.
async fn sentinel_stage() -> Stage {
    let stage = Stage::new().await;
    stage.memory.crm.register("client", SENTINEL);
    stage
        .memory
        .apps
        .set(&AppId::default_app(), "client", SENTINEL);
    stage
}

async fn output_of_callback(stage: &Stage, arrange: impl FnOnce(&Stage), query: &str) -> String {
    let (mut browser, state) = stage.started().await;
    arrange(stage);
    let path = format!("/oauth/callback?state={state}&{query}");
    let answer = browser.follow_callback(stage, &path).await;
    assert_ne!(answer.status, 500);
    let lists = browser.get(stage, "/connect/lists").await;
    format!("{answer:?}{lists:?}")
}

#[tokio::test]
async fn no_failure_leaks_a_secret_to_a_page_log_or_event() {
    let log = Log::begin();
    let mut output = String::new();

    for error in [
        TokenError::InvalidGrant,
        TokenError::THROTTLED,
        TokenError::Unavailable,
        TokenError::AnswerLost,
    ] {
        let stage = sentinel_stage().await;
        let arrange = |stage: &Stage| stage.memory.crm.fail_next_token_call(error);
        output += &output_of_callback(&stage, arrange, "code=SENTINEL").await;
        output += &format!("{:?}", stage.memory.events.published());
    }
    for query in [
        "",
        "code=SENTINEL",
        "error=SENTINEL&error_description=SENTINEL",
        "code=SENTINEL&iss=SENTINEL",
    ] {
        output += &output_of_callback(&sentinel_stage().await, |_| {}, query).await;
    }
    let refusal = Refusal::of(SENTINEL, SENTINEL);
    for error in [
        CrmError::Invalid(refusal.clone()),
        CrmError::NotFound(refusal),
        CrmError::Forbidden,
    ] {
        let stage = sentinel_stage().await;
        let code = stage.memory.crm.authorize(ENGINES, "client");
        let arrange = |stage: &Stage| stage.memory.crm.fail_next(error);
        output += &output_of_callback(&stage, arrange, &format!("code={code}")).await;
    }
    for edit in [with_sentinels as fn(_) -> _, without_refresh_token] {
        let stage = sentinel_stage().await;
        let code = stage.memory.crm.authorize(ENGINES, "client");
        let arrange = |stage: &Stage| stage.memory.crm.edit_grants(edit);
        output += &output_of_callback(&stage, arrange, &format!("code={code}")).await;
    }
    for path in [
        "/connect/SENTINEL.x",
        "/connect/lists?SENTINEL",
        "/SENTINEL",
    ] {
        output += &format!(
            "{:?}",
            Browser::default().get(&sentinel_stage().await, path).await
        );
    }

    let log = log.text();
    assert!(
        log.contains("a code was not exchanged"),
        "logging is captured"
    );
    assert!(!output.contains(SENTINEL));
    assert!(!log.contains(SENTINEL));
}

/// All steps of a customer: connects while leads wait, connects another account, disconnects. Goes on as far as the
/// answers allow; returns what was shown, and the secrets that no log and no event may contain.
async fn run_all_steps(stage: &Stage, links: &[String; 2]) -> (String, Vec<String>) {
    let mut secrets = vec!["SENTINEL".to_owned(), "ada0@example.com".to_owned()];
    secrets.extend((1..20).flat_map(|n| [format!("access-{n}"), format!("refresh-{n}")]));
    let mut shown = String::new();
    for (account, link) in [ENGINES, LOOMS].into_iter().zip(links) {
        let mut browser = Browser::default();
        secrets.push(link.rsplit('/').next().unwrap().to_owned());
        shown += &visible(&browser.get(stage, link).await);
        let started = browser.post(stage, link, "").await;
        secrets.extend(browser.cookies.values().cloned());
        if started.status != 303 {
            shown += &visible(&started);
            continue;
        }
        let state = started.query()["state"].clone();
        let callback = stage.callback_url(account, &state);
        secrets.extend([state, code_of(&callback)]);
        shown += &visible(&browser.follow_callback(stage, &callback).await);
        for (path, form) in [
            ("/connect/account", ""),
            ("/connect/lists", "new_list=Web&terms=yes"),
            ("/connect/disconnect", ""),
        ] {
            let answer = browser.post(stage, path, form).await;
            assert!(
                ALLOWED_STATUSES.contains(&answer.status),
                "{path}: {answer:?}"
            );
            shown += &visible(&answer);
            shown += &visible(&browser.get(stage, "/connect/done").await);
        }
    }
    (shown, secrets)
}

/// What a person could see of an answer: the address it leads to, and the page below its style.
fn visible(answer: &Answer) -> String {
    let page = answer.body.rsplit("</style>").next().unwrap_or_default();
    format!("{:?}{page}", answer.headers.get("location"))
}

/// The statuses that a failing step may answer.
const ALLOWED_STATUSES: [u16; 6] = [200, 303, 403, 409, 502, 503];

fn code_of(callback: &str) -> String {
    let (_, code) = callback.split_once("code=").unwrap();
    code.split('&').next().unwrap().to_owned()
}

#[tokio::test]
async fn failure_at_any_step_is_answered_and_leaks_no_secret() {
    let ready = async || {
        let stage = sentinel_stage().await;
        stage.waiting_leads(1).await;
        let links = [stage.link().await, stage.link().await];
        (stage, links)
    };
    let (undisturbed, links) = ready().await;
    let before = undisturbed.memory.faults.steps();
    run_all_steps(&undisturbed, &links).await;
    let steps = undisturbed.memory.faults.steps() - before;
    assert!(steps > 60, "only {steps} steps");

    for step in 1..=steps {
        for fault in [Fault::FailBefore, Fault::FailAfter] {
            let log = Log::begin();
            let (stage, links) = ready().await;
            let faults = &stage.memory.faults;
            faults.at(faults.steps() + step, fault);

            let (shown, secrets) = run_all_steps(&stage, &links).await;

            let events = format!("{:?}", stage.memory.events.published());
            let logged = log.text();
            for secret in &secrets {
                for (place, text) in [("page", &shown), ("event", &events), ("log", &logged)] {
                    let is_leaked = text.contains(secret.as_str());
                    assert!(!is_leaked, "{step} {fault:?}: {secret} in a {place}");
                }
            }
        }
    }
}
