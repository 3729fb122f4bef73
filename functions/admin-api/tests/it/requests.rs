//! Trying again.

use jiff::SignedDuration;
use leadfeed_shared::domain::lead::{LeadState, QuarantineReason, RefusalReason, WaitReason};
use leadfeed_shared::fakes::samples::delivered;
use serde_json::json;

use crate::csv::CSV;
use crate::stage::Stage;

const REPLAYS: &str = "/v1/customers/engines/replays";

/// What a request to a slow store takes.
const SIX_SECONDS: SignedDuration = SignedDuration::from_secs(6);

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_does_nothing() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    stage.memory.drain_all().await;

    let dry = stage.post(REPLAYS, json!({"dry_run": true})).await;
    let nothing = stage.memory.queue.receive(10);
    let other = json!({"status": "waiting", "reason": "quota"});
    let other = stage.post(REPLAYS, other).await;
    let real = stage
        .post(
            REPLAYS,
            json!({"status": "waiting", "reason": "not_connected"}),
        )
        .await;

    let leads = json!({"waiting.not_connected": 1});
    assert_eq!(
        dry.body,
        json!({"dry_run": true, "leads": leads, "exported": 0, "others": 0, "blocked": "not_connected"})
    );
    assert!(nothing.is_empty());
    assert_eq!(other.body["leads"], json!({}));
    assert_eq!((real.status, &real.body["leads"]), (200, &leads));
    assert_eq!(stage.memory.queue.receive(10).len(), 1);
}

#[tokio::test]
async fn the_page_shows_what_a_retry_would_do_before_it_does_it() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    stage.memory.drain_all().await;
    let path = stage.manage_path().await;

    let (_, _, asks) = stage
        .page(
            "GET",
            &format!("{path}/retry?label=waiting.not_connected"),
            "",
        )
        .await;
    let (status, headers, _) = stage
        .page(
            "POST",
            &format!("{path}/retry"),
            "label=waiting.not_connected",
        )
        .await;
    let to = headers["location"].to_str().unwrap().to_owned();
    let (_, _, page) = stage.page("GET", &to, "").await;

    assert!(asks.contains("would wait again at once"), "{asks}");
    assert_eq!(status, 303);
    assert!(page.contains("1 sign-up is being retried"), "{page}");
    let (nonsense, ..) = stage
        .page("GET", &format!("{path}/retry?label=x"), "")
        .await;
    assert_eq!(nonsense, 422);
}

fn refused() -> LeadState {
    LeadState::refused(RefusalReason::CcRefused)
}

/// A customer whose 16 refused leads lie behind 3,000 that were delivered since.
async fn with_few_refused_behind_many_delivered() -> Stage {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let like = stage.lead(&stage.sign_up(&form, "ada@example.com").await);
    stage.end_like(&like, 1..17, &refused()).await;
    stage.end_like(&like, 17..3_017, &delivered()).await;
    drop(stage.memory.queue.receive(1));
    stage
}

/// The address of the link or form of a page that says this.
fn address<'p>(page: &'p str, begins: &str) -> &'p str {
    let (_, rest) = page.split_once(begins).unwrap();
    rest.split_once('"').unwrap().0
}

#[tokio::test]
async fn few_refused_leads_are_tried_again_however_many_were_delivered_since() {
    let stage = with_few_refused_behind_many_delivered().await;
    let path = stage.manage_path().await;
    let refused = json!({"status": "refused", "reason": "cc_refused"});

    let retry = format!("{path}/retry?label=refused.cc_refused");
    let (_, _, asks) = stage.page("GET", &retry, "").await;
    let replayed = stage.post(REPLAYS, refused.clone()).await;
    let again = stage.post(REPLAYS, refused).await;

    assert!(
        asks.contains("<strong>16</strong> sign-ups would be"),
        "{asks}"
    );
    assert!(!asks.contains("Keep looking"), "{asks}");
    assert_eq!(replayed.body["leads"], json!({"refused.cc_refused": 16}));
    assert_eq!(replayed.body["next_cursor"], json!(null));
    assert_eq!(again.body["leads"], json!({}));
    assert_eq!(stage.memory.queue.receive(100).len(), 16);
}

#[tokio::test]
async fn a_search_that_takes_too_long_goes_on_where_it_ended() {
    let stage = with_few_refused_behind_many_delivered().await;
    let path = stage.manage_path().await;
    let retry = format!("{path}/retry?label=refused.cc_refused");

    let (_, _, first) = stage
        .slowly(SIX_SECONDS, stage.page("GET", &retry, ""))
        .await;
    let further = address(&first, "quiet\" href=\"").replace("&#38;", "&");
    let (_, _, second) = stage
        .slowly(SIX_SECONDS, stage.page("GET", &further, ""))
        .await;
    let cursor = address(&second, "name=\"cursor\" value=\"");
    let body = format!("label=refused.cc_refused&cursor={cursor}");
    let (status, headers, _) = stage.page("POST", &format!("{path}/retry"), &body).await;

    assert!(first.contains("there are more to look at"), "{first}");
    assert!(!first.contains("Try again now"), "{first}");
    assert!(
        second.contains("<strong>16</strong> sign-ups would be"),
        "{second}"
    );
    let to = headers["location"].to_str().unwrap();
    assert_eq!(
        (status, to),
        (303, format!("{path}?done=retried&count=16").as_str())
    );
    assert_eq!(stage.memory.queue.receive(100).len(), 16);
}

#[tokio::test]
async fn more_than_one_answer_takes_are_tried_again_page_by_page() {
    for (label, state) in [
        ("refused.cc_refused", refused()),
        ("waiting.quota", LeadState::waits(WaitReason::Quota)),
    ] {
        let stage = Stage::with_customers().await;
        let form = stage.form().await;
        let like = stage.lead(&stage.sign_up(&form, "ada@example.com").await);
        stage.end_like(&like, 1..601, &state).await;
        drop(stage.memory.queue.receive(1));
        let path = stage.manage_path().await;
        let retry = format!("{path}/retry");

        let (_, _, asks) = stage
            .page("GET", &format!("{retry}?label={label}"), "")
            .await;
        let body = format!("label={label}&cursor=");
        let (_, headers, _) = stage.page("POST", &retry, &body).await;
        let on = headers["location"].to_str().unwrap();
        let (_, _, rest) = stage.page("GET", on, "").await;
        let cursor = address(&rest, "name=\"cursor\" value=\"");
        let body = format!("label={label}&cursor={cursor}");
        let (_, headers, _) = stage.page("POST", &retry, &body).await;

        assert!(asks.contains("<strong>500 or more</strong>"), "{asks}");
        assert!(rest.contains("500 sign-ups are being retried"), "{rest}");
        assert!(
            rest.contains("<strong>100</strong> sign-ups would be"),
            "{rest}"
        );
        let to = headers["location"].to_str().unwrap();
        assert!(to.ends_with("?done=retried&count=100"), "{to}");
        assert_eq!(stage.memory.queue.receive(1_000).len(), 600);
    }
}

#[tokio::test]
async fn a_cursor_of_another_order_is_refused() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let like = stage.lead(&stage.sign_up(&form, "ada@example.com").await);
    stage.end_like(&like, 1..502, &refused()).await;

    let dry = json!({"status": "refused", "dry_run": true});
    let dry = stage.post(REPLAYS, dry).await;
    let other = json!({"status": "waiting", "cursor": dry.text("next_cursor")});
    let other = stage.post(REPLAYS, other).await;

    assert_eq!(other.faults(), [("cursor", "malformed")]);
}

#[tokio::test]
async fn a_replay_of_no_lead_named_tries_none_and_of_one_named_twice_tries_it_once() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let ada = stage.sign_up(&form, "ada@example.com").await;
    stage.memory.drain_all().await;
    let robot = stage.sign_up(&form, "robot@example.com").await;
    assert_eq!(stage.memory.queue.receive(10).len(), 1);
    stage.memory.ledger.tamper(|record| {
        if record.lead.id == robot {
            let why = QuarantineReason::Honeypot;
            record.state = LeadState::Quarantined { why };
        }
    });

    for wish in [
        json!({"lead_ids": []}),
        json!({"lead_ids": [], "status": "waiting"}),
        json!({"lead_ids": [], "status": "quarantined"}),
    ] {
        let answer = stage.post(REPLAYS, wish.clone()).await;
        assert_eq!(answer.body["leads"], json!({}), "{wish}");
        assert_eq!(stage.memory.queue.receive(10), [], "{wish}");
    }
    let twice = json!({"lead_ids": [ada, ada]});
    let answer = stage.post(REPLAYS, twice).await;
    assert_eq!(answer.body["leads"], json!({"waiting.not_connected": 1}));
    assert_eq!(stage.memory.queue.receive(10).len(), 1);
}

#[tokio::test]
async fn leads_of_a_time_are_tried_again_from_its_first_moment_on_and_before_its_last() {
    let quota = LeadState::waits(WaitReason::Quota);
    for (status, label, state) in [
        ("refused", "refused.cc_refused", refused()),
        ("waiting", "waiting.quota", quota),
    ] {
        let stage = Stage::with_customers().await;
        let form = stage.form().await;
        let like = stage.lead(&stage.sign_up(&form, "ada@example.com").await);
        stage.end_like(&like, 1..4, &state).await;
        let (since, until) = ("2026-11-23T09:30:02Z", "2026-11-23T09:30:03Z");

        let second = json!({"status": status, "since": since, "until": until, "dry_run": true});
        let second = stage.post(REPLAYS, second).await;

        assert_eq!(second.body["leads"], json!({label: 1}));
    }
}

#[tokio::test]
async fn leads_that_wait_and_went_out_in_a_file_are_tried_again_only_where_that_is_asked_for() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    stage.memory.drain_all().await;
    stage.get(CSV).await;

    let others = json!({"status": "waiting"});
    let others = stage.post(REPLAYS, others).await;
    let nothing = stage.memory.queue.receive(10);
    let all = json!({"status": "waiting", "exported": true});
    let all = stage.post(REPLAYS, all).await;

    assert_eq!((others.body["leads"].clone(), nothing), (json!({}), vec![]));
    assert_eq!(all.body["leads"], json!({"exported": 1}));
    assert_eq!(stage.memory.queue.receive(10).len(), 1);
}
