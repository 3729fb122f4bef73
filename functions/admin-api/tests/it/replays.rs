//! Replays by the operator and retries by the customer.

use jiff::SignedDuration;
use leadfeed_shared::domain::lead::{LeadState, QuarantineReason, RefusalReason, WaitReason};
use leadfeed_shared::fakes::samples::delivered;
use serde_json::json;

use crate::csv::CSV;
use crate::stage::Stage;

const REPLAYS: &str = "/v1/customers/engines/replays";

/// How long a request to a slow store takes.
const SIX_SECONDS: SignedDuration = SignedDuration::from_secs(6);

#[tokio::test]
async fn dry_run_reports_what_a_replay_would_do_without_doing_it() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    stage.memory.drain_all().await;

    let dry = stage.post(REPLAYS, json!({"dry_run": true})).await;
    let queued = stage.memory.queue.receive(10);
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
    assert!(queued.is_empty());
    assert_eq!(other.body["leads"], json!({}));
    assert_eq!((real.status, &real.body["leads"]), (200, &leads));
    assert_eq!(stage.memory.queue.receive(10).len(), 1);
}

#[tokio::test]
async fn page_previews_a_retry_before_it_runs() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    stage.memory.drain_all().await;
    let path = stage.manage_path().await;

    let (_, _, preview) = stage
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

    assert!(preview.contains("would wait again at once"), "{preview}");
    assert_eq!(status, 303);
    assert!(page.contains("1 sign-up is being retried"), "{page}");
    let (unknown, ..) = stage
        .page("GET", &format!("{path}/retry?label=x"), "")
        .await;
    assert_eq!(unknown, 422);
}

fn refused() -> LeadState {
    LeadState::refused(RefusalReason::CcRefused)
}

/// A customer whose 16 refused leads lie behind 3,000 that were delivered since.
async fn with_few_refused_behind_many_delivered() -> Stage {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let template = stage.lead(&stage.sign_up(&form, "ada@example.com").await);
    stage.settle_copies(&template, 1..17, &refused()).await;
    stage
        .settle_copies(&template, 17..3_017, &delivered())
        .await;
    drop(stage.memory.queue.receive(1));
    stage
}

/// The text of a page between `before` and the next quotation mark.
fn attribute<'p>(page: &'p str, before: &str) -> &'p str {
    let (_, rest) = page.split_once(before).unwrap();
    rest.split_once('"').unwrap().0
}

#[tokio::test]
async fn refused_leads_are_replayed_even_behind_thousands_of_delivered_ones() {
    let stage = with_few_refused_behind_many_delivered().await;
    let path = stage.manage_path().await;
    let refused = json!({"status": "refused", "reason": "cc_refused"});

    let retry = format!("{path}/retry?label=refused.cc_refused");
    let (_, _, preview) = stage.page("GET", &retry, "").await;
    let replayed = stage.post(REPLAYS, refused.clone()).await;
    let again = stage.post(REPLAYS, refused).await;

    assert!(
        preview.contains("<strong>16</strong> sign-ups would be"),
        "{preview}"
    );
    assert!(!preview.contains("Keep looking"), "{preview}");
    assert_eq!(replayed.body["leads"], json!({"refused.cc_refused": 16}));
    assert_eq!(replayed.body["next_cursor"], json!(null));
    assert_eq!(again.body["leads"], json!({}));
    assert_eq!(stage.memory.queue.receive(100).len(), 16);
}

#[tokio::test]
async fn slow_retry_search_continues_where_it_stopped() {
    let stage = with_few_refused_behind_many_delivered().await;
    let path = stage.manage_path().await;
    let retry = format!("{path}/retry?label=refused.cc_refused");

    let (_, _, first) = stage
        .with_slow_calls(SIX_SECONDS, stage.page("GET", &retry, ""))
        .await;
    let further = attribute(&first, "quiet\" href=\"").replace("&#38;", "&");
    let (_, _, second) = stage
        .with_slow_calls(SIX_SECONDS, stage.page("GET", &further, ""))
        .await;
    let cursor = attribute(&second, "name=\"cursor\" value=\"");
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
async fn more_than_500_leads_are_retried_page_by_page() {
    for (label, state) in [
        ("refused.cc_refused", refused()),
        ("waiting.quota", LeadState::waiting(WaitReason::Quota)),
    ] {
        let stage = Stage::with_customers().await;
        let form = stage.form().await;
        let template = stage.lead(&stage.sign_up(&form, "ada@example.com").await);
        stage.settle_copies(&template, 1..601, &state).await;
        drop(stage.memory.queue.receive(1));
        let path = stage.manage_path().await;
        let retry = format!("{path}/retry");

        let (_, _, preview) = stage
            .page("GET", &format!("{retry}?label={label}"), "")
            .await;
        let body = format!("label={label}&cursor=");
        let (_, headers, _) = stage.page("POST", &retry, &body).await;
        let next = headers["location"].to_str().unwrap();
        let (_, _, rest) = stage.page("GET", next, "").await;
        let cursor = attribute(&rest, "name=\"cursor\" value=\"");
        let body = format!("label={label}&cursor={cursor}");
        let (_, headers, _) = stage.page("POST", &retry, &body).await;

        assert!(
            preview.contains("<strong>500 or more</strong>"),
            "{preview}"
        );
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
async fn replay_cursor_of_another_status_is_rejected() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let template = stage.lead(&stage.sign_up(&form, "ada@example.com").await);
    stage.settle_copies(&template, 1..502, &refused()).await;

    let dry = json!({"status": "refused", "dry_run": true});
    let dry = stage.post(REPLAYS, dry).await;
    let other = json!({"status": "waiting", "cursor": dry.text("next_cursor")});
    let other = stage.post(REPLAYS, other).await;

    assert_eq!(other.field_errors(), [("cursor", "malformed")]);
}

#[tokio::test]
async fn empty_lead_ids_replay_nothing_and_duplicate_ids_replay_once() {
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

    for request in [
        json!({"lead_ids": []}),
        json!({"lead_ids": [], "status": "waiting"}),
        json!({"lead_ids": [], "status": "quarantined"}),
    ] {
        let answer = stage.post(REPLAYS, request.clone()).await;
        assert_eq!(answer.body["leads"], json!({}), "{request}");
        assert_eq!(stage.memory.queue.receive(10), [], "{request}");
    }
    let twice = json!({"lead_ids": [ada, ada]});
    let answer = stage.post(REPLAYS, twice).await;
    assert_eq!(answer.body["leads"], json!({"waiting.not_connected": 1}));
    assert_eq!(stage.memory.queue.receive(10).len(), 1);
}

#[tokio::test]
async fn replay_period_includes_its_start_and_excludes_its_end() {
    let quota = LeadState::waiting(WaitReason::Quota);
    for (status, label, state) in [
        ("refused", "refused.cc_refused", refused()),
        ("waiting", "waiting.quota", quota),
    ] {
        let stage = Stage::with_customers().await;
        let form = stage.form().await;
        let template = stage.lead(&stage.sign_up(&form, "ada@example.com").await);
        stage.settle_copies(&template, 1..4, &state).await;
        let (since, until) = ("2026-11-23T09:30:02Z", "2026-11-23T09:30:03Z");

        let second = json!({"status": status, "since": since, "until": until, "dry_run": true});
        let second = stage.post(REPLAYS, second).await;

        assert_eq!(second.body["leads"], json!({label: 1}));
    }
}

#[tokio::test]
async fn exported_waiting_leads_are_replayed_only_if_requested() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    stage.memory.drain_all().await;
    stage.get(CSV).await;

    let plain = json!({"status": "waiting"});
    let plain = stage.post(REPLAYS, plain).await;
    let queued = stage.memory.queue.receive(10);
    let all = json!({"status": "waiting", "exported": true});
    let all = stage.post(REPLAYS, all).await;

    assert_eq!((plain.body["leads"].clone(), queued), (json!({}), vec![]));
    assert_eq!(all.body["leads"], json!({"exported": 1}));
    assert_eq!(stage.memory.queue.receive(10).len(), 1);
}
