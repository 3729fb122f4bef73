//! Two customers in one browser, whose session belongs to the link opened last; and two customers of one user.

use leadfeed_shared::domain::connection::ConnectionStatus;

use crate::browser::{Answer, Browser};
use crate::stage::{ENGINES, LOOMS, Stage};

fn assert_replaced(answer: &Answer) {
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(answer.body.contains("Another link was opened"));
    assert!(!answer.body.contains("Analytical"));
}

#[tokio::test]
async fn stale_page_cannot_disconnect_another_customer() {
    let stage = Stage::new().await;
    let mut browser = stage.connected_with_list(ENGINES).await;
    let done = browser.get(&stage, "/connect/done").await;
    stage.connect_another_customer(&mut browser, LOOMS).await;

    let path = "/connect/disconnect";
    assert_replaced(&browser.submit_form(&stage, &done, path, "").await);

    let (one, other) = (
        stage.connection().await,
        stage.connection_of_another_customer().await,
    );
    assert_eq!(one.unwrap().status, ConnectionStatus::Active);
    assert_eq!(other.status, ConnectionStatus::Active);
    let own = browser.get(&stage, "/connect/lists").await;
    assert_eq!(own.status, 200);
}

#[tokio::test]
async fn choice_on_a_stale_page_is_not_saved_for_another_customer_of_the_account() {
    let stage = Stage::new().await;
    let (mut browser, _) = stage.connected(ENGINES).await;
    let lists = browser.get(&stage, "/connect/lists").await;
    stage.connect_another_customer(&mut browser, ENGINES).await;

    let choice = "new_list=News&terms=yes";
    let path = "/connect/lists";
    assert_replaced(&browser.submit_form(&stage, &lists, path, choice).await);

    assert!(stage.connection().await.unwrap().terms.is_none());
    assert!(stage.connection_of_another_customer().await.terms.is_none());
    let own = browser.get(&stage, "/connect/lists").await;
    let saved = browser.submit_form(&stage, &own, path, choice).await;
    assert_eq!(saved.location(), "/connect/done");
    assert!(stage.connection_of_another_customer().await.terms.is_some());
}

#[tokio::test]
async fn form_shown_to_another_customer_or_without_a_session_is_refused() {
    let stage = Stage::new().await;
    stage.connected_with_list(LOOMS).await;
    let (mut browser, answer) = stage.connected(ENGINES).await;
    let account = browser.get(&stage, answer.location()).await;
    let declined = browser.get(&stage, "/connect/declined").await;
    let gone = browser.get(&stage, "/connect/disconnected").await;
    let trouble = browser.get(&stage, "/connect/trouble/code_refused").await;
    let again = "/connect/again";
    let pressed = browser.submit_form(&stage, &declined, again, "").await;
    assert_eq!(pressed.status, 303);
    stage.connect_another_customer(&mut browser, LOOMS).await;

    for (page, path) in [
        (&account, "/connect/account"),
        (&account, again),
        (&declined, again),
        (&gone, again),
        (&trouble, again),
    ] {
        assert_replaced(&browser.submit_form(&stage, page, path, "").await);
    }
    for path in ["/connect/lists", "/connect/account", "/connect/disconnect"] {
        let unnamed = browser.send(&stage, "POST", path, Some("terms=yes"));
        assert_replaced(&unnamed.await);
    }
}

#[tokio::test]
async fn callback_after_another_link_was_opened_is_refused_and_explained() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.started().await;
    stage.open_link_of_another_customer(&mut browser).await;

    let answer = browser
        .follow_callback(&stage, &stage.callback_url(ENGINES, &state))
        .await;

    assert_eq!(answer.status, 403);
    assert!(
        answer
            .body
            .contains("before another connect link is opened")
    );
    assert!(stage.connection().await.is_none());
    assert_eq!(stage.exchanges(), 0);
    let unknown = Browser::default().get(&stage, "/connect/lists").await;
    assert_eq!(unknown.status, 403);
}

#[tokio::test]
async fn user_of_another_customer_is_refused_without_revealing_that_customer() {
    let stage = Stage::new().await;
    stage.connected_with_list(ENGINES).await;
    let before = stage.connection().await.unwrap();
    let mut browser = Browser::default();
    let link = stage.open_link_of_another_customer(&mut browser).await;
    let state = browser.post(&stage, &link, "").await.query()["state"].clone();

    let page = browser
        .follow_callback(&stage, &stage.callback_url(ENGINES, &state))
        .await;

    assert_eq!(page.status, 409);
    assert!(page.body.contains("user_taken"), "{}", page.body);
    for other in ["Analytical", "engines", ENGINES] {
        assert!(!page.body.contains(other), "{other}");
    }
    let row = stage.connection().await.unwrap();
    assert_eq!((row.status, row.lists), (before.status, before.lists));
    assert!(page.body.contains("Sign in as another user"));
    let started = browser
        .submit_form(&stage, &page, "/connect/again", "")
        .await;
    assert_eq!(started.query()["prompt"], "login");
    let state = &started.query()["state"];
    let back = stage.callback_url_as("grace@looms.example", ENGINES, state);
    assert_eq!(
        browser.get(&stage, &back).await.location(),
        "/connect/lists"
    );
    let other = stage.connection_of_another_customer().await;
    assert_eq!(other.status, ConnectionStatus::Active);
}
