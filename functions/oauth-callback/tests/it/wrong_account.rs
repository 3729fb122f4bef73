//! Recovering from a connection to the wrong account.

use leadfeed_shared::domain::connection::{ConnectionStatus, LimitedReason};

use crate::stage::{ENGINES, LOOMS, Stage};

const UNCONFIRMED: ConnectionStatus = ConnectionStatus::Limited {
    reason: LimitedReason::AccountChanged,
};
const AGAIN: &str = "/connect/again";
const LISTS: &str = "/connect/lists";

#[tokio::test]
async fn wrong_account_can_be_replaced_by_signing_in_to_another() {
    let stage = Stage::new().await;
    let leads = stage.waiting_leads(1).await;
    let (mut browser, _) = stage.connected(LOOMS).await;
    let page = browser.get(&stage, LISTS).await;
    assert!(page.body.contains("Not this account?"), "{}", page.body);

    let started = browser.submit_form(&stage, &page, AGAIN, "").await;
    assert_eq!(started.query()["prompt"], "login");
    let state = started.query()["state"].clone();
    let question = browser
        .follow_callback(&stage, &stage.callback_url(ENGINES, &state))
        .await;
    assert!(question.body.contains("Yes, use Analytical Engines"));
    let confirmed = browser
        .submit_form(&stage, &question, "/connect/account", "")
        .await;
    assert_eq!(confirmed.location(), LISTS);
    let lists = browser.get(&stage, LISTS).await;

    assert!(lists.body.contains("<strong>Analytical Engines</strong>"));
    let row = stage.connection().await.unwrap();
    assert_eq!(row.status, ConnectionStatus::Active);
    assert_eq!(row.account.id, ENGINES);
    assert!(
        stage.memory.queue.receive(10).is_empty(),
        "no lists are chosen yet"
    );
    let saved = browser.post(&stage, LISTS, "new_list=News&terms=yes").await;
    assert_eq!(saved.location(), "/connect/done");
    assert_eq!(stage.memory.queue.receive(10)[0].lead(), &leads[0]);
}

#[tokio::test]
async fn abandoned_sign_in_keeps_the_connected_account() {
    let stage = Stage::new().await;
    let mut browser = stage.connected_with_list(ENGINES).await;
    let before = stage.connection().await;
    let page = browser.get(&stage, LISTS).await;

    browser.submit_form(&stage, &page, AGAIN, "").await;

    assert_eq!(stage.connection().await, before);
    assert_eq!(browser.get(&stage, LISTS).await.status, 200);
}

#[tokio::test]
async fn confirmation_and_choice_count_only_for_the_account_the_page_showed() {
    let stage = Stage::new().await;
    stage.connected_with_list(ENGINES).await;
    let (mut owner, _) = stage.connected(LOOMS).await;
    let question = owner.get(&stage, "/connect/account").await;
    assert!(question.body.contains("Yes, use Jacquard Looms"));
    stage.memory.crm.open_account("account-3", "Somebody else");
    stage.memory.crm.add_list("account-3", "Newsletter");
    let (mut agency, _) = stage.connected("account-3").await;

    owner
        .submit_form(&stage, &question, "/connect/account", "")
        .await;
    let reason = LimitedReason::AccountChanged;
    assert_eq!(stage.status().await, ConnectionStatus::Limited { reason });
    let question = owner.get(&stage, "/connect/account").await;
    assert!(question.body.contains("Yes, use Somebody else"));

    agency.post(&stage, "/connect/account", "").await;
    let lists = agency.get(&stage, LISTS).await;
    let (mut returned, _) = stage.connected(LOOMS).await;
    returned.post(&stage, "/connect/account", "").await;
    let chosen = "new_list=News&terms=yes";
    let stale = agency.submit_form(&stage, &lists, LISTS, chosen).await;
    let shown = agency.submit_form(&stage, &stale, LISTS, chosen).await;

    assert_eq!(stale.status, 422);
    let words = "Another account was connected since this page was opened: Jacquard Looms";
    assert!(stale.body.contains(words), "{}", stale.body);
    assert_eq!(shown.location(), "/connect/done");
}

#[tokio::test]
async fn different_account_stays_unconfirmed_until_somebody_confirms_it() {
    let stage = Stage::new().await;
    stage.connected_with_list(ENGINES).await;

    stage.connected(LOOMS).await;
    assert_eq!(stage.status().await, UNCONFIRMED);
    let (mut browser, answer) = stage.connected(LOOMS).await;
    assert_eq!(stage.status().await, UNCONFIRMED);
    let page = browser.get(&stage, answer.location()).await;
    assert_eq!(page.status, 409);
    assert!(page.body.contains("Jacquard Looms"));
    let unconfirmed = browser
        .post(&stage, "/connect/lists", "new_list=x&terms=yes")
        .await;
    assert_eq!(unconfirmed.location(), "/connect/lists");
    assert_eq!(
        browser.get(&stage, "/connect/lists").await.location(),
        "/connect/account"
    );

    let confirmed = browser.post(&stage, "/connect/account", "").await;

    assert_eq!(confirmed.location(), "/connect/lists");
    let row = stage.connection().await.unwrap();
    assert_eq!(row.status, ConnectionStatus::Active);
    assert_eq!(
        (row.account.id.as_str(), row.terms, row.lists),
        (LOOMS, None, vec![])
    );
}
