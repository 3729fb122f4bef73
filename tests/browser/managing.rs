//! The customer's own page.

use std::time::Duration;

use fantoccini::key::Key;
use jiff::Timestamp;
use leadfeed_shared::ports::Connections as _;
use leadfeed_tests::scene::TIMEOUT;
use leadfeed_tests::{eventually, history, tables};
use serde_json::{Value, json};

use crate::pictures::{Screen, emulate, reset_screen, take_picture};
use crate::scene::{NAME, Scene};
use crate::window::Window;

/// A connected customer with a month of sign-ups.
pub async fn customer_with_a_month(customer: &'static str) -> Scene {
    let scene = Scene::connected(customer).await;
    let (directory, ledger) = tables();
    let form = scene.form["form_id"].as_str().unwrap().parse().unwrap();
    let customer = customer.parse().unwrap();
    history::write(&directory, &ledger, &customer, &form, Timestamp::now()).await;
    scene
}

/// Whether these are all days that [`customer_with_a_month`] wrote; the oldest is no longer shown after midnight.
fn is_a_month(days: usize) -> bool {
    (29..=30).contains(&days)
}

pub async fn month_of_sign_ups_fits_desktop_and_phone_screens() {
    let scene = customer_with_a_month("month").await;
    let window = Window::open().await;

    window.goto(&scene.manage_url().await).await;
    window.wait_for_heading(NAME).await;
    for (name, screen) in [
        ("manage", Screen::WideDesktop),
        ("manage-dark", Screen::DarkDesktop),
        ("manage-phone", Screen::LightPhone),
        ("manage-phone-dark", Screen::DarkPhone),
    ] {
        take_picture(&window, name, screen).await;
    }

    let text = window.text().await;
    for expected in ["Connected.", "Harbor Bakery", "a•••@e•••.com", "Newsletter"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!text.contains("ada@example.com"), "{text}");
    assert!(is_a_month(window.count(".chart svg g").await));
    give_lists_long_names(&scene).await;
    window.goto(&scene.manage_url().await).await;
    window.wait_for_text(LONG_NAME).await;
    for screen in [Screen::WideDesktop, Screen::LightPhone, Screen::NarrowPhone] {
        emulate(&window, screen).await;
        let overflow =
            "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(
            evaluate(&window, overflow).await,
            0,
            "{screen:?} scrolls sideways"
        );
    }
    for screen in Screen::PHONES {
        emulate(&window, screen).await;
        assert_eq!(
            evaluate(&window, BROKEN_WORDS).await,
            "",
            "{screen:?} breaks words"
        );
    }
    reset_screen(&window).await;
    window.close().await;
}

/// A name without a space, as some lists have.
const LONG_NAME: &str = "everybody_who_signed_up_on_our_website_since_we_opened_the_second_bakery";

async fn give_lists_long_names(scene: &Scene) {
    let (directory, _) = tables();
    let customer = scene.customer.parse().unwrap();
    let connection = directory.connection(&customer).await.unwrap();
    let mut connection = connection.unwrap();
    for list in &mut connection.catalog.lists {
        LONG_NAME.clone_into(&mut list.name);
    }
    assert!(directory.choose(&connection).await.unwrap());
}

/// The labels of the numbers whose longest word does not fit and would be broken.
const BROKEN_WORDS: &str = "(() => {
    document.body.style.overflowWrap = 'normal';
    const names = [...document.querySelectorAll('.numbers-row > div, .numbers-row dt')];
    const over = names.filter(name => name.scrollWidth > name.clientWidth);
    return over.map(name => name.textContent).join(', ');
})()";

async fn evaluate(window: &Window, expression: &str) -> Value {
    let evaluate = json!({"expression": expression});
    let answer = window.devtools("Runtime.evaluate", evaluate).await;
    answer["result"]["value"].clone()
}

pub async fn manage_page_can_be_used_entirely_by_keyboard() {
    let scene = customer_with_a_month("keys").await;
    let window = Window::open().await;
    let (tab, enter) = (
        char::from(Key::Tab).to_string(),
        char::from(Key::Enter).to_string(),
    );
    let tab_to = async |wanted: &str| {
        for _ in 0..60 {
            window.keys(&tab).await;
            if window.focus().await.starts_with(wanted) {
                return;
            }
        }
        panic!("the Tab key does not lead to {wanted:?}");
    };

    window.goto(&scene.manage_url().await).await;
    tab_to("Skip to the content").await;
    tab_to("Connect again").await;
    tab_to("Try again…").await;
    window.keys(&enter).await;
    window.wait_for_heading("Try again").await;
    take_picture(&window, "retry", Screen::LightDesktop).await;
    tab_to("Try again now").await;
    window.keys(&enter).await;
    window.wait_for_heading(NAME).await;
    window.wait_for_text("1 sign-up is being retried").await;

    tab_to("The same in numbers").await;
    window.keys(&enter).await;
    assert!(is_a_month(window.count(".chart tbody tr").await));
    tab_to("a•••@e•••.com").await;
    window.keys(&enter).await;
    assert!(window.find(".timeline").await.is_displayed().await.unwrap());
    tab_to("Newsletter").await;
    tab_to("Waiting sign-ups, for").await;
    tab_to("email").await;
    window.keys("ada@example.com").await;
    window.keys(&enter).await;
    window.wait_for_heading("Erase a person").await;
    tab_to("Erase for good").await;
    window.keys(&enter).await;
    window.wait_for_text("Erased: 1 sign-up").await;
    tab_to("Disconnect this account").await;
    window.keys(&enter).await;
    tab_to("Disconnect").await;
    window.keys(&enter).await;
    window
        .wait_for_text("Disconnected. New sign-ups are kept")
        .await;
    assert_eq!(scene.connection().await["status"], "disconnected");
    window.close().await;
}

pub async fn downloading_the_upload_file_marks_its_sign_ups_as_exported() {
    let scene = Scene::new("downloads").await;
    let window = Window::open().await;
    window.goto(&scene.hosted_form()).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await; // anyone faster is taken for a robot
    window.fill("[name=email]", "file@example.com").await;
    window.fill("[name=first_name]", "Ada").await;
    window.click("[name=consent]").await;
    window.press("Sign up").await;
    window.wait_for_heading("Thank you").await;
    let folder = tempfile::tempdir().unwrap();
    let allow = json!({"behavior": "allow", "downloadPath": folder.path()});
    window.devtools("Browser.setDownloadBehavior", allow).await;

    window.goto(&scene.manage_url().await).await;
    window
        .press("Waiting sign-ups, for Constant Contact’s upload")
        .await;
    window
        .wait_for_heading("For Constant Contact’s upload")
        .await;
    take_picture(&window, "file", Screen::LightDesktop).await;
    window.press("Download part 1").await;
    let file = downloaded(folder.path()).await;

    assert!(file.starts_with("Email Address,"), "{file}");
    assert!(file.contains("file@example.com,Ada"), "{file}");
    window.goto(&scene.manage_url().await).await;
    let text = window.text().await;
    assert!(text.contains("Exported"), "{text}");
    window.close().await;
}

/// Waits for the downloaded file; returns its content.
async fn downloaded(folder: &std::path::Path) -> String {
    let find = async || {
        let files = std::fs::read_dir(folder).unwrap();
        let mut files = files.map(|entry| entry.unwrap().path());
        files.find(|file| file.extension().is_some_and(|kind| kind == "csv"))
    };
    let file = eventually(TIMEOUT, find, Option::is_some).await;
    std::fs::read_to_string(file.expect("a file is downloaded")).unwrap()
}
