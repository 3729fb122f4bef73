//! What the lists page says about waiting leads.

use jiff::SignedDuration;
use leadfeed_shared::fakes::Fault;

use crate::browser::Browser;
use crate::stage::{ENGINES, Stage};

const LISTS: &str = "/connect/lists";
const WAITING: &str = "waiting, the oldest since";

async fn page(stage: &Stage, browser: &mut Browser) -> String {
    browser.get(stage, LISTS).await.body
}

#[tokio::test]
async fn lists_page_says_how_many_leads_wait_and_since_when() {
    let stage = Stage::new().await;
    stage.waiting_leads(1).await;
    stage.memory.clock.advance(SignedDuration::from_hours(48));
    stage.waiting_leads(2).await;
    let (mut browser, _) = stage.connected(ENGINES).await;

    let shown = page(&stage, &mut browser).await;
    let faulty = browser.post(&stage, LISTS, "terms=yes").await;
    let saved = browser.post(&stage, LISTS, "new_list=News&terms=yes").await;
    let after = page(&stage, &mut browser).await;

    let notice =
        "<strong>3 sign-ups</strong> are waiting, the oldest since 23 November 2026 (UTC).";
    assert!(shown.contains(notice), "{shown}");
    assert_eq!(faulty.status, 422);
    assert!(faulty.body.contains(notice), "{}", faulty.body);
    assert_eq!(saved.location(), "/connect/done");
    assert!(!after.contains(WAITING), "they were released");
}

#[tokio::test]
async fn more_than_a_thousand_waiting_leads_are_shown_as_at_least_a_thousand() {
    let stage = Stage::new().await;
    stage.waiting_leads(1_001).await;
    let (mut browser, _) = stage.connected(ENGINES).await;

    let shown = page(&stage, &mut browser).await;

    let notice =
        "At least <strong>1000 sign-ups</strong> are waiting, some since 23 November 2026 (UTC).";
    assert!(shown.contains(notice), "{shown}");
}

#[tokio::test]
async fn lists_page_has_no_count_if_no_lead_waits_or_counting_fails() {
    let stage = Stage::new().await;
    let (mut browser, _) = stage.connected(ENGINES).await;
    let none = page(&stage, &mut browser).await;
    stage.waiting_leads(1).await;
    let before = stage.memory.faults.steps();
    let one = page(&stage, &mut browser).await;
    let counted = stage.memory.faults.steps();
    let last = counted + (counted - before);
    stage.memory.faults.at(last, Fault::FailBefore);

    let unknown = browser.get(&stage, LISTS).await;

    assert!(!none.contains(WAITING));
    assert!(
        one.contains("<strong>1 sign-up</strong> is waiting"),
        "{one}"
    );
    assert_eq!(unknown.status, 200);
    assert!(!unknown.body.contains(WAITING) && unknown.body.contains("Newsletter"));
}
