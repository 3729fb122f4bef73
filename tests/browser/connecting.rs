//! How a customer connects, and what can go wrong on the way.

use fantoccini::key::Key;
use serde_json::json;

use crate::pictures::{Screen, take};
use crate::scene::{CREATOR, NAME, Scene, allow, choose, connect};
use crate::window::Window;

pub async fn who_allows_and_chooses_a_list_is_connected() {
    let scene = Scene::of("allows").await;
    let window = Window::open().await;

    window.goto(&scene.link().await).await;
    window
        .shows(&format!("Connect {NAME} to Constant Contact"))
        .await;
    take(&window, "connect", Screen::LightDesktop).await;
    window.press("Continue to Constant Contact").await;
    allow(&window, &scene.user).await;
    choose(&window).await;
    take(&window, "lists", Screen::LightDesktop).await;
    take(&window, "lists-phone-dark", Screen::DarkPhone).await;
    window.press("Save and start").await;
    window.shows(&format!("{NAME} is connected")).await;
    take(&window, "connected", Screen::LightDesktop).await;

    let text = window.text().await;
    assert!(text.contains("Harbor Bakery"), "{text}");
    assert_eq!(window.url().await.path(), "/connect/done");
    assert_eq!(window.url().await.query(), None);
    let connection = scene.connection().await;
    assert_eq!(connection["status"], "active", "{connection}");
    assert_eq!(
        connection["lists"].as_array().unwrap().len(),
        1,
        "{connection}"
    );
    window.close().await;
}

pub async fn the_whole_way_can_be_gone_by_keyboard_alone() {
    let scene = Scene::of("connects-by-keyboard").await;
    let window = Window::open().await;
    let enter = char::from(Key::Enter).to_string();

    window.goto(&scene.link().await).await;
    window.tab_to("Continue to Constant Contact").await;
    window.keys(&enter).await;
    allow(&window, &scene.user).await;
    window.shows("Which lists should new contacts join?").await;
    window.tab_to("list").await;
    window.keys(" ").await;
    window.tab_to("terms").await;
    window.keys(" ").await;
    window.tab_to("Save and start").await;
    window.keys(&enter).await;
    window.shows(&format!("{NAME} is connected")).await;

    assert_eq!(scene.connection().await["status"], "active");
    window.close().await;
}

pub async fn who_declines_can_decide_again() {
    let scene = Scene::of("declines").await;
    let window = Window::open().await;

    window.goto(&scene.link().await).await;
    window.press("Continue to Constant Contact").await;
    window.shows("Allow Leadfeed access to your account?").await;
    window.press("Deny").await;
    window.shows("You declined").await;
    assert_eq!(scene.connection().await["status"], "not_connected");

    window.press("Back to Constant Contact").await;
    allow(&window, &scene.user).await;
    window.shows("Which lists should new contacts join?").await;
    window.close().await;
}

pub async fn a_user_without_the_right_reads_who_has_to_connect() {
    let scene = Scene::of("wrong-user").await;
    let window = Window::open().await;

    window.goto(&scene.link().await).await;
    window.press("Continue to Constant Contact").await;
    allow(&window, CREATOR).await;
    window.shows("This user cannot add contacts").await;
    let text = window.text().await;
    assert!(
        text.contains("account owner or an account manager"),
        "{text}"
    );
    assert_ne!(scene.connection().await["status"], "active");

    window.press("Sign in as another user").await;
    allow(&window, &scene.user).await;
    choose(&window).await;
    window.press("Save and start").await;
    window.shows(&format!("{NAME} is connected")).await;
    window.close().await;
}

pub async fn another_browser_cannot_finish_what_this_one_began() {
    let scene = Scene::of("two-browsers").await;
    let (window, other) = tokio::join!(Window::open(), Window::open());

    let link = scene.link().await;
    window.goto(&link).await;
    window.press("Continue to Constant Contact").await;
    window.shows("Allow Leadfeed access to your account?").await;
    let callback = way_back(&window, &scene.user).await;

    other.goto(&callback).await;
    other.shows("This was started in another browser").await;
    assert_eq!(other.url().await.query(), None);
    assert_eq!(scene.connection().await["status"], "not_connected");

    window.goto(&link).await;
    connect(&window, &scene.user).await;
    window.close().await;
    other.close().await;
}

/// Where the consent page would redirect the browser if this user allowed the access.
async fn way_back(consent: &Window, user: &str) -> String {
    let url = consent.url().await;
    let mut fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    fields.push(("user".to_owned(), user.to_owned()));
    fields.push(("decision".to_owned(), "allow".to_owned()));
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let target = url.join("consent").unwrap();
    let answer = client.post(target).form(&fields).send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(location.contains("/oauth/callback?"), "{location}");
    location.to_owned()
}

pub async fn going_back_after_connecting_changes_nothing() {
    let scene = Scene::of("goes-back").await;
    let window = Window::open().await;
    window.goto(&scene.link().await).await;
    connect(&window, &scene.user).await;
    let connected = scene.connection().await;

    window.back().await;
    window.shows("Which lists should new contacts join?").await;
    assert_eq!(window.count("[name=list]:checked").await, 1);
    window.back().await;
    window.back().await;
    window.shows(&format!("Connect {NAME} again")).await;

    let after = scene.connection().await;
    assert_eq!(after["status"], "active");
    assert_eq!(after["lists"], connected["lists"]);
    window.close().await;
}

pub async fn pressing_each_button_twice_makes_one_connection() {
    let scene = Scene::of("presses-twice").await;
    let window = Window::open().await;

    window.goto(&scene.link().await).await;
    window.press_twice("Continue to Constant Contact").await;
    allow(&window, &scene.user).await;
    choose(&window).await;
    window.press_twice("Save and start").await;
    window.shows(&format!("{NAME} is connected")).await;

    let connection = scene.connection().await;
    assert_eq!(connection["status"], "active");
    assert_eq!(connection["lists"].as_array().unwrap().len(), 1);
    window.close().await;
}

pub async fn allowing_twice_makes_one_connection() {
    let scene = Scene::of("allows-twice").await;
    let window = Window::open().await;

    window.goto(&scene.link().await).await;
    window.press("Continue to Constant Contact").await;
    window.shows("Allow Leadfeed access to your account?").await;
    window.select("#user", &scene.user).await;
    let callback = way_back(&window, &scene.user).await;
    window.goto(&callback).await;
    window.shows("Which lists should new contacts join?").await;
    window.goto(&callback).await;
    window.shows("This step is already done").await;
    assert_eq!(window.url().await.query(), None);
    window.press("Continue").await;
    window.shows("Which lists should new contacts join?").await;

    assert_eq!(scene.connection().await["status"], "active");
    window.close().await;
}

pub async fn a_link_can_be_opened_twice_and_used_by_one_browser() {
    let scene = Scene::of("opens-twice").await;
    let (window, other) = tokio::join!(Window::open(), Window::open());
    let link = scene.link().await;
    let welcome = format!("Connect {NAME} to Constant Contact");

    window.goto(&link).await;
    window.shows(&welcome).await;
    other.goto(&link).await;
    other.shows(&welcome).await;
    connect(&window, &scene.user).await;

    other.press("Continue to Constant Contact").await;
    other.shows("This link cannot be used").await;
    other.goto(&link).await;
    other.shows("This link cannot be used").await;
    assert_eq!(scene.connection().await["status"], "active");
    window.close().await;
    other.close().await;
}

pub async fn a_choice_without_a_list_says_what_is_missing() {
    let scene = Scene::of("no-list").await;
    let window = Window::open().await;

    window.goto(&scene.link().await).await;
    window.press("Continue to Constant Contact").await;
    allow(&window, &scene.user).await;
    window.shows("Which lists should new contacts join?").await;
    window.click("#terms").await;
    window.press("Save and start").await;

    window.reads("Choose at least one list").await;
    assert_eq!(window.count("#terms:checked").await, 1);
    assert_eq!(scene.connection().await["lists"], json!([]));
    window.close().await;
}
