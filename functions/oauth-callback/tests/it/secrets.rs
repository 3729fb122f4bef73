use leadfeed_shared::domain::crm::{CrmError, Refusal};
use leadfeed_shared::domain::ids::AppId;
use leadfeed_shared::domain::token::Grant;
use leadfeed_shared::fakes::Fault;
use leadfeed_shared::ports::TokenError;

use crate::browser::{Answer, Browser};
use crate::log::Log;
use crate::stage::{ENGINES, LOOMS, Stage};

/// What must be seen by nobody: the marks of tokens, codes, secrets and refusals.
const SENTINEL: &str = "SENTINEL";

fn marked(grant: Grant) -> Grant {
    Grant {
        access: SENTINEL.into(),
        refresh: Some(SENTINEL.into()),
        ..grant
    }
}

fn useless(grant: Grant) -> Grant {
    Grant {
        refresh: None,
        ..marked(grant)
    }
}

/// A world in which everything secret is marked.
async fn marked_stage() -> Stage {
    let stage = Stage::new().await;
    stage.memory.crm.register("client", SENTINEL);
    stage
        .memory
        .apps
        .set(&AppId::default_app(), "client", SENTINEL);
    stage
}

async fn come_back(stage: &Stage, arrange: impl FnOnce(&Stage), query: &str) -> String {
    let (mut browser, state) = stage.departed().await;
    arrange(stage);
    let path = format!("/oauth/callback?state={state}&{query}");
    let answer = browser.land(stage, &path).await;
    assert_ne!(answer.status, 500);
    let lists = browser.get(stage, "/connect/lists").await;
    format!("{answer:?}{lists:?}")
}

#[tokio::test]
async fn no_failure_shows_a_secret_on_a_page_in_a_log_or_in_an_event() {
    let log = Log::begin();
    let mut seen = String::new();

    for error in [
        TokenError::InvalidGrant,
        TokenError::THROTTLED,
        TokenError::Unavailable,
        TokenError::AnswerLost,
    ] {
        let stage = marked_stage().await;
        let arrange = |stage: &Stage| stage.memory.crm.token_answer_next(error);
        seen += &come_back(&stage, arrange, "code=SENTINEL").await;
        seen += &format!("{:?}", stage.memory.events.published());
    }
    for query in [
        "",
        "code=SENTINEL",
        "error=SENTINEL&error_description=SENTINEL",
        "code=SENTINEL&iss=SENTINEL",
    ] {
        seen += &come_back(&marked_stage().await, |_| {}, query).await;
    }
    let refusal = Refusal::of(SENTINEL, SENTINEL);
    for error in [
        CrmError::Invalid(refusal.clone()),
        CrmError::NotFound(refusal),
        CrmError::Forbidden,
    ] {
        let stage = marked_stage().await;
        let code = stage.memory.crm.authorize(ENGINES, "client");
        let arrange = |stage: &Stage| stage.memory.crm.answer_next(error);
        seen += &come_back(&stage, arrange, &format!("code={code}")).await;
    }
    for edit in [marked as fn(_) -> _, useless] {
        let stage = marked_stage().await;
        let code = stage.memory.crm.authorize(ENGINES, "client");
        let arrange = |stage: &Stage| stage.memory.crm.edit_grants(edit);
        seen += &come_back(&stage, arrange, &format!("code={code}")).await;
    }
    for path in [
        "/connect/SENTINEL.x",
        "/connect/lists?SENTINEL",
        "/SENTINEL",
    ] {
        seen += &format!(
            "{:?}",
            Browser::default().get(&marked_stage().await, path).await
        );
    }

    let log = log.text();
    assert!(log.contains("a code was not exchanged"), "the log is on");
    assert!(!seen.contains(SENTINEL));
    assert!(!log.contains(SENTINEL));
}

/// A customer's whole way: connects while leads wait, comes back with another account, and leaves. Goes on as far as
/// the answers let it; says what was shown, and what no log and no event may say.
async fn whole_way(stage: &Stage, links: &[String; 2]) -> (String, Vec<String>) {
    let mut secrets = vec!["SENTINEL".to_owned(), "ada0@example.com".to_owned()];
    secrets.extend((1..20).flat_map(|n| [format!("access-{n}"), format!("refresh-{n}")]));
    let mut shown = String::new();
    for (account, link) in [ENGINES, LOOMS].into_iter().zip(links) {
        let mut browser = Browser::default();
        secrets.push(link.rsplit('/').next().unwrap().to_owned());
        shown += &seen(&browser.get(stage, link).await);
        let departed = browser.post(stage, link, "").await;
        secrets.extend(browser.cookies.values().cloned());
        if departed.status != 303 {
            shown += &seen(&departed);
            continue;
        }
        let state = departed.query()["state"].clone();
        let back = stage.agreed(account, &state);
        secrets.extend([state, code_of(&back)]);
        shown += &seen(&browser.land(stage, &back).await);
        for (path, form) in [
            ("/connect/account", ""),
            ("/connect/lists", "new_list=Web&terms=yes"),
            ("/connect/disconnect", ""),
        ] {
            let answer = browser.post(stage, path, form).await;
            assert!(ANSWERS.contains(&answer.status), "{path}: {answer:?}");
            shown += &seen(&answer);
            shown += &seen(&browser.get(stage, "/connect/done").await);
        }
    }
    (shown, secrets)
}

/// What a person could see of an answer: the address it leads to, and the page below its style.
fn seen(answer: &Answer) -> String {
    let page = answer.body.rsplit("</style>").next().unwrap_or_default();
    format!("{:?}{page}", answer.headers.get("location"))
}

/// What a step that fails may answer.
const ANSWERS: [u16; 6] = [200, 303, 403, 409, 502, 503];

fn code_of(back: &str) -> String {
    let (_, code) = back.split_once("code=").unwrap();
    code.split('&').next().unwrap().to_owned()
}

#[tokio::test]
async fn every_single_failing_step_of_the_whole_way_is_an_answer_and_says_no_secret() {
    let ready = async || {
        let stage = marked_stage().await;
        stage.leads_that_wait(1).await;
        let links = [stage.link().await, stage.link().await];
        (stage, links)
    };
    let (whole, links) = ready().await;
    let before = whole.memory.faults.steps();
    whole_way(&whole, &links).await;
    let steps = whole.memory.faults.steps() - before;
    assert!(steps > 60, "only {steps} steps");

    for step in 1..=steps {
        for fault in [Fault::FailBefore, Fault::FailAfter] {
            let log = Log::begin();
            let (stage, links) = ready().await;
            let faults = &stage.memory.faults;
            faults.at(faults.steps() + step, fault);

            let (shown, secrets) = whole_way(&stage, &links).await;

            let events = format!("{:?}", stage.memory.events.published());
            let logged = log.text();
            for secret in &secrets {
                for (place, text) in [("page", &shown), ("event", &events), ("log", &logged)] {
                    let said = text.contains(secret.as_str());
                    assert!(!said, "{step} {fault:?}: {secret} in a {place}");
                }
            }
        }
    }
}
