//! Two customers in one browser, whose one session is about whichever link was opened last, and two by one user.

use leadfeed_shared::domain::connection::ConnectionStatus;

use crate::browser::{Answer, Browser};
use crate::stage::{ENGINES, LOOMS, Stage};

fn is_told(answer: &Answer) {
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(answer.body.contains("Another link was opened"));
    assert!(!answer.body.contains("Analytical"));
}

#[tokio::test]
async fn a_page_that_was_left_open_disconnects_nobody_else() {
    let stage = Stage::new().await;
    let mut browser = stage.complete(ENGINES).await;
    let done = browser.get(&stage, "/connect/done").await;
    stage.connect_another_customer(&mut browser, LOOMS).await;

    let path = "/connect/disconnect";
    is_told(&browser.press(&stage, &done, path, "").await);

    let (one, other) = (stage.row().await, stage.row_of_another_customer().await);
    assert_eq!(one.unwrap().status, ConnectionStatus::Active);
    assert_eq!(other.status, ConnectionStatus::Active);
    let own = browser.get(&stage, "/connect/lists").await;
    assert_eq!(own.status, 200);
}

#[tokio::test]
async fn a_choice_on_a_page_that_was_left_open_is_not_saved_for_whoever_shares_the_account() {
    let stage = Stage::new().await;
    let (mut browser, _) = stage.connected(ENGINES).await;
    let lists = browser.get(&stage, "/connect/lists").await;
    stage.connect_another_customer(&mut browser, ENGINES).await;

    let choice = "new_list=News&terms=yes";
    let path = "/connect/lists";
    is_told(&browser.press(&stage, &lists, path, choice).await);

    assert!(stage.row().await.unwrap().terms.is_none());
    assert!(stage.row_of_another_customer().await.terms.is_none());
    let own = browser.get(&stage, "/connect/lists").await;
    let saved = browser.press(&stage, &own, path, choice).await;
    assert_eq!(saved.location(), "/connect/done");
    assert!(stage.row_of_another_customer().await.terms.is_some());
}

#[tokio::test]
async fn no_form_goes_on_for_a_customer_whose_page_it_was_not_on() {
    let stage = Stage::new().await;
    stage.complete(LOOMS).await;
    let (mut browser, answer) = stage.connected(ENGINES).await;
    let account = browser.get(&stage, answer.location()).await;
    let declined = browser.get(&stage, "/connect/declined").await;
    let gone = browser.get(&stage, "/connect/disconnected").await;
    let trouble = browser.get(&stage, "/connect/trouble/code_refused").await;
    let again = "/connect/again";
    let pressed = browser.press(&stage, &declined, again, "").await;
    assert_eq!(pressed.status, 303);
    stage.connect_another_customer(&mut browser, LOOMS).await;

    for (page, path) in [
        (&account, "/connect/account"),
        (&account, again),
        (&declined, again),
        (&gone, again),
        (&trouble, again),
    ] {
        is_told(&browser.press(&stage, page, path, "").await);
    }
    for path in ["/connect/lists", "/connect/account", "/connect/disconnect"] {
        let unnamed = browser.send(&stage, "POST", path, Some("terms=yes"));
        is_told(&unnamed.await);
    }
}

#[tokio::test]
async fn who_comes_back_after_another_link_was_opened_is_told_that_it_was() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.departed().await;
    stage.of_another_customer(&mut browser).await;

    let answer = browser.land(&stage, &stage.agreed(ENGINES, &state)).await;

    assert_eq!(answer.status, 403);
    assert!(
        answer
            .body
            .contains("before another connect link is opened")
    );
    assert!(stage.row().await.is_none());
    assert_eq!(stage.exchanges(), 0);
    let unknown = Browser::default().get(&stage, "/connect/lists").await;
    assert_eq!(unknown.status, 403);
}

#[tokio::test]
async fn a_user_who_connects_somebody_else_reads_what_to_do_and_of_nobody() {
    let stage = Stage::new().await;
    stage.complete(ENGINES).await;
    let before = stage.row().await.unwrap();
    let mut browser = Browser::default();
    let link = stage.of_another_customer(&mut browser).await;
    let state = browser.post(&stage, &link, "").await.query()["state"].clone();

    let page = browser.land(&stage, &stage.agreed(ENGINES, &state)).await;

    assert_eq!(page.status, 409);
    assert!(page.body.contains("user_taken"), "{}", page.body);
    for other in ["Analytical", "engines", ENGINES] {
        assert!(!page.body.contains(other), "{other}");
    }
    let row = stage.row().await.unwrap();
    assert_eq!((row.status, row.lists), (before.status, before.lists));
    assert!(page.body.contains("Sign in as another user"));
    let departed = browser.press(&stage, &page, "/connect/again", "").await;
    assert_eq!(departed.query()["prompt"], "login");
    let state = &departed.query()["state"];
    let back = stage.agreed_as("grace@looms.example", ENGINES, state);
    assert_eq!(
        browser.get(&stage, &back).await.location(),
        "/connect/lists"
    );
    let other = stage.row_of_another_customer().await;
    assert_eq!(other.status, ConnectionStatus::Active);
}
