use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use leadfeed_shared::domain::crm::{CrmError, Refusal};
use leadfeed_shared::domain::ids::AppId;
use leadfeed_shared::domain::token::Grant;
use leadfeed_shared::fakes::Fault;
use leadfeed_shared::ports::TokenError;
use tracing_subscriber::fmt::MakeWriter;

use crate::browser::Browser;
use crate::stage::{ENGINES, Stage};

/// What must be seen by nobody: the marks of tokens, codes, secrets and refusals.
const SENTINEL: &str = "SENTINEL";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

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
    let answer = browser.get(stage, &path).await;
    assert_ne!(answer.status, 500);
    let lists = browser.get(stage, "/connect/lists").await;
    format!("{answer:?}{lists:?}")
}

#[tokio::test]
async fn no_failure_shows_a_secret_on_a_page_in_a_log_or_in_an_event() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut seen = String::new();

    for error in [
        TokenError::InvalidGrant,
        TokenError::Throttled,
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
    let refusal = Refusal {
        key: SENTINEL.into(),
        message: SENTINEL.into(),
    };
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
        let arrange = |stage: &Stage| *stage.oauth.edit.lock().unwrap() = Some(edit);
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

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("a code was not exchanged"), "the log is on");
    assert!(!seen.contains(SENTINEL));
    assert!(!log.contains(SENTINEL));
}

#[tokio::test]
async fn every_single_failing_step_of_the_store_is_an_answer_and_shows_nothing() {
    let whole = marked_stage().await;
    let before = whole.memory.faults.steps();
    whole.connected(ENGINES).await;
    let steps = whole.memory.faults.steps() - before;

    for step in 1..=steps {
        for fault in [Fault::FailBefore, Fault::FailAfter] {
            let stage = marked_stage().await;
            let (mut browser, state) = stage.departed().await;
            let back = stage.agreed(ENGINES, &state);
            stage
                .memory
                .faults
                .at(stage.memory.faults.steps() + step, fault);

            let answer = browser.get(&stage, &back).await;

            assert!(
                [303, 502, 503].contains(&answer.status),
                "{step} {fault:?}: {}",
                answer.status
            );
            assert!(!format!("{answer:?}").contains(SENTINEL));
        }
    }
}
