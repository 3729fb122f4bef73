//! The customer's own page.

use std::time::Duration;

use fantoccini::key::Key;
use jiff::Timestamp;
use leadfeed_shared::ports::Connections as _;
use leadfeed_tests::scene::PATIENCE;
use leadfeed_tests::{eventually, history, tables};
use serde_json::{Value, json};

use crate::pictures::{Screen, put_away, put_on, take};
use crate::scene::{NAME, Scene};
use crate::window::Window;

/// A connected customer with a month of sign-ups.
pub async fn with_a_month(customer: &'static str) -> Scene {
    let scene = Scene::connected(customer).await;
    let (directory, ledger) = tables();
    let form = scene.form["form_id"].as_str().unwrap().parse().unwrap();
    let customer = customer.parse().unwrap();
    history::write(&directory, &ledger, &customer, &form, Timestamp::now()).await;
    scene
}

/// Whether these are all days that [`with_a_month`] wrote; the oldest is no longer shown after midnight.
fn is_a_month(days: usize) -> bool {
    (29..=30).contains(&days)
}

pub async fn a_month_is_seen_at_a_glance_on_a_desk_and_on_a_phone() {
    let scene = with_a_month("month").await;
    let window = Window::open().await;

    window.goto(&scene.page().await).await;
    window.shows(NAME).await;
    for (name, screen) in [
        ("manage", Screen::WideDesktop),
        ("manage-dark", Screen::DarkDesktop),
        ("manage-phone", Screen::LightPhone),
        ("manage-phone-dark", Screen::DarkPhone),
    ] {
        take(&window, name, screen).await;
    }

    let text = window.text().await;
    for said in ["Connected.", "Harbor Bakery", "a•••@e•••.com", "Newsletter"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("ada@example.com"), "{text}");
    assert!(is_a_month(window.count(".chart svg g").await));
    give_its_lists_long_names(&scene).await;
    window.goto(&scene.page().await).await;
    window.reads(LONG_NAME).await;
    for screen in [Screen::WideDesktop, Screen::LightPhone, Screen::NarrowPhone] {
        put_on(&window, screen).await;
        let over = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(
            evaluate(&window, over).await,
            0,
            "{screen:?} scrolls sideways"
        );
    }
    for screen in Screen::PHONES {
        put_on(&window, screen).await;
        assert_eq!(
            evaluate(&window, BROKEN_WORDS).await,
            "",
            "{screen:?} breaks words"
        );
    }
    put_away(&window).await;
    window.close().await;
}

/// A name without a space, as some lists have.
const LONG_NAME: &str = "everybody_who_signed_up_on_our_website_since_we_opened_the_second_bakery";

async fn give_its_lists_long_names(scene: &Scene) {
    let (directory, _) = tables();
    let customer = scene.customer.parse().unwrap();
    let connection = directory.connection(&customer).await.unwrap();
    let mut connection = connection.unwrap();
    for list in &mut connection.catalog.lists {
        LONG_NAME.clone_into(&mut list.name);
    }
    assert!(directory.choose(&connection).await.unwrap());
}

/// The names of the numbers whose longest word does not fit and would be broken.
const BROKEN_WORDS: &str = "(() => {
    document.body.style.overflowWrap = 'normal';
    const names = [...document.querySelectorAll('.numbers-row > div, .numbers-row dt')];
    const over = names.filter(name => name.scrollWidth > name.clientWidth);
    return over.map(name => name.textContent).join(', ');
})()";

async fn evaluate(window: &Window, expression: &str) -> Value {
    let evaluate = json!({"expression": expression});
    let answer = window.tool("Runtime.evaluate", evaluate).await;
    answer["result"]["value"].clone()
}

pub async fn everything_on_the_page_can_be_reached_and_done_by_keyboard() {
    let scene = with_a_month("keys").await;
    let window = Window::open().await;
    let (tab, enter) = (
        char::from(Key::Tab).to_string(),
        char::from(Key::Enter).to_string(),
    );
    let to = async |wanted: &str| {
        for _ in 0..60 {
            window.keys(&tab).await;
            if window.focus().await.starts_with(wanted) {
                return;
            }
        }
        panic!("the Tab key does not lead to {wanted:?}");
    };

    window.goto(&scene.page().await).await;
    to("Skip to the content").await;
    to("Connect again").await;
    to("Try again…").await;
    window.keys(&enter).await;
    window.shows("Try again").await;
    take(&window, "retry", Screen::LightDesktop).await;
    to("Try again now").await;
    window.keys(&enter).await;
    window.shows(NAME).await;
    window.reads("1 sign-up is being retried").await;

    to("The same in numbers").await;
    window.keys(&enter).await;
    assert!(is_a_month(window.count(".chart tbody tr").await));
    to("a•••@e•••.com").await;
    window.keys(&enter).await;
    assert!(window.find(".timeline").await.is_displayed().await.unwrap());
    to("Newsletter").await;
    to("Waiting sign-ups, for").await;
    to("email").await;
    window.keys("ada@example.com").await;
    window.keys(&enter).await;
    window.shows("Erase a person").await;
    to("Erase for good").await;
    window.keys(&enter).await;
    window.reads("Erased: 1 sign-up").await;
    to("Disconnect this account").await;
    window.keys(&enter).await;
    to("Disconnect").await;
    window.keys(&enter).await;
    window.reads("Disconnected. New sign-ups are kept").await;
    assert_eq!(scene.connection().await["status"], "disconnected");
    window.close().await;
}

pub async fn a_file_is_downloaded_and_what_is_in_it_waits_no_more() {
    let scene = Scene::of("downloads").await;
    let window = Window::open().await;
    window.goto(&scene.hosted_form()).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await; // a faster person is taken for a robot
    window.fill("[name=email]", "file@example.com").await;
    window.fill("[name=first_name]", "Ada").await;
    window.click("[name=consent]").await;
    window.press("Sign up").await;
    window.shows("Thank you").await;
    let folder = tempfile::tempdir().unwrap();
    let allow = json!({"behavior": "allow", "downloadPath": folder.path()});
    window.tool("Browser.setDownloadBehavior", allow).await;

    window.goto(&scene.page().await).await;
    window
        .press("Waiting sign-ups, for Constant Contact’s upload")
        .await;
    window.shows("For Constant Contact’s upload").await;
    take(&window, "file", Screen::LightDesktop).await;
    window.press("Download part 1").await;
    let file = downloaded(folder.path()).await;

    assert!(file.starts_with("Email Address,"), "{file}");
    assert!(file.contains("file@example.com,Ada"), "{file}");
    window.goto(&scene.page().await).await;
    let text = window.text().await;
    assert!(text.contains("Exported"), "{text}");
    window.close().await;
}

/// The content of the file that is downloaded there.
async fn downloaded(folder: &std::path::Path) -> String {
    let look = async || {
        let files = std::fs::read_dir(folder).unwrap();
        let mut files = files.map(|entry| entry.unwrap().path());
        files.find(|file| file.extension().is_some_and(|kind| kind == "csv"))
    };
    let file = eventually(PATIENCE, look, Option::is_some).await;
    std::fs::read_to_string(file.expect("something was downloaded")).unwrap()
}
