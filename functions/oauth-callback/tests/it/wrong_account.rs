//! The way back for whoever connected an account that is not the one meant.

use leadfeed_shared::domain::connection::{ConnectionStatus, LimitedReason};

use crate::stage::{ENGINES, LOOMS, Stage};

const AGAIN: &str = "/connect/again";
const LISTS: &str = "/connect/lists";

#[tokio::test]
async fn whoever_signed_in_to_the_wrong_account_first_can_sign_in_to_another() {
    let stage = Stage::new().await;
    let leads = stage.leads_that_wait(1).await;
    let (mut browser, _) = stage.connected(LOOMS).await;
    let page = browser.get(&stage, LISTS).await;
    assert!(page.body.contains("Not this account?"), "{}", page.body);

    let departed = browser.press(&stage, &page, AGAIN, "").await;
    assert_eq!(departed.query()["prompt"], "login");
    let state = departed.query()["state"].clone();
    let asked = browser.land(&stage, &stage.agreed(ENGINES, &state)).await;
    assert!(asked.body.contains("Yes, use Analytical Engines"));
    let meant = browser.press(&stage, &asked, "/connect/account", "").await;
    assert_eq!(meant.location(), LISTS);
    let lists = browser.get(&stage, LISTS).await;

    assert!(lists.body.contains("<strong>Analytical Engines</strong>"));
    let row = stage.row().await.unwrap();
    assert_eq!(row.status, ConnectionStatus::Active);
    assert_eq!(row.account.id, ENGINES);
    assert!(
        stage.memory.queue.receive(10).is_empty(),
        "nothing is chosen"
    );
    let saved = browser.post(&stage, LISTS, "new_list=News&terms=yes").await;
    assert_eq!(saved.location(), "/connect/done");
    assert_eq!(stage.memory.queue.receive(10)[0].lead(), &leads[0]);
}

#[tokio::test]
async fn whoever_thinks_better_of_it_keeps_the_account_that_is_connected() {
    let stage = Stage::new().await;
    let mut browser = stage.complete(ENGINES).await;
    let before = stage.row().await;
    let page = browser.get(&stage, LISTS).await;

    browser.press(&stage, &page, AGAIN, "").await;

    assert_eq!(stage.row().await, before);
    assert_eq!(browser.get(&stage, LISTS).await.status, 200);
}

#[tokio::test]
async fn who_says_yes_to_an_account_says_so_to_the_one_that_the_page_showed() {
    let stage = Stage::new().await;
    stage.complete(ENGINES).await;
    let (mut owner, _) = stage.connected(LOOMS).await;
    let asks = owner.get(&stage, "/connect/account").await;
    assert!(asks.body.contains("Yes, use Jacquard Looms"));
    stage.memory.crm.open_account("account-3", "Somebody else");
    stage.memory.crm.add_list("account-3", "Newsletter");
    let (mut agency, _) = stage.connected("account-3").await;

    owner.press(&stage, &asks, "/connect/account", "").await;
    let reason = LimitedReason::AccountChanged;
    assert_eq!(stage.status().await, ConnectionStatus::Limited { reason });
    let asks = owner.get(&stage, "/connect/account").await;
    assert!(asks.body.contains("Yes, use Somebody else"));

    agency.post(&stage, "/connect/account", "").await;
    let lists = agency.get(&stage, LISTS).await;
    let (mut back, _) = stage.connected(LOOMS).await;
    back.post(&stage, "/connect/account", "").await;
    let chosen = "new_list=News&terms=yes";
    let stale = agency.press(&stage, &lists, LISTS, chosen).await;
    let shown = agency.press(&stage, &stale, LISTS, chosen).await;

    assert_eq!(stale.status, 422);
    let words = "Another account was connected since this page was opened: Jacquard Looms";
    assert!(stale.body.contains(words), "{}", stale.body);
    assert_eq!(shown.location(), "/connect/done");
}
