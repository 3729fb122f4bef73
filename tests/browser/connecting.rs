//! How a customer connects, and what can go wrong meanwhile.

use fantoccini::key::Key;
use serde_json::json;

use crate::pictures::{Screen, take_picture};
use crate::scene::{CREATOR, NAME, Scene, allow, choose, connect};
use crate::window::Window;

pub async fn allowing_access_and_choosing_a_list_connects_the_customer() {
    let scene = Scene::new("allows").await;
    let window = Window::open().await;

    window.goto(&scene.connect_link().await).await;
    window
        .wait_for_heading(&format!("Connect {NAME} to Constant Contact"))
        .await;
    take_picture(&window, "connect", Screen::LightDesktop).await;
    window.press("Continue to Constant Contact").await;
    allow(&window, &scene.user).await;
    choose(&window).await;
    take_picture(&window, "lists", Screen::LightDesktop).await;
    take_picture(&window, "lists-phone-dark", Screen::DarkPhone).await;
    window.press("Save and start").await;
    window
        .wait_for_heading(&format!("{NAME} is connected"))
        .await;
    take_picture(&window, "connected", Screen::LightDesktop).await;

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

pub async fn customer_can_connect_using_only_the_keyboard() {
    let scene = Scene::new("connects-by-keyboard").await;
    let window = Window::open().await;
    let enter = char::from(Key::Enter).to_string();

    window.goto(&scene.connect_link().await).await;
    window.tab_to("Continue to Constant Contact").await;
    window.keys(&enter).await;
    allow(&window, &scene.user).await;
    window
        .wait_for_heading("Which lists should new contacts join?")
        .await;
    window.tab_to("list").await;
    window.keys(" ").await;
    window.tab_to("terms").await;
    window.keys(" ").await;
    window.tab_to("Save and start").await;
    window.keys(&enter).await;
    window
        .wait_for_heading(&format!("{NAME} is connected"))
        .await;

    assert_eq!(scene.connection().await["status"], "active");
    window.close().await;
}

pub async fn customer_who_declined_can_still_allow_access() {
    let scene = Scene::new("declines").await;
    let window = Window::open().await;

    window.goto(&scene.connect_link().await).await;
    window.press("Continue to Constant Contact").await;
    window
        .wait_for_heading("Allow Leadfeed access to your account?")
        .await;
    window.press("Deny").await;
    window.wait_for_heading("You declined").await;
    assert_eq!(scene.connection().await["status"], "not_connected");

    window.press("Back to Constant Contact").await;
    allow(&window, &scene.user).await;
    window
        .wait_for_heading("Which lists should new contacts join?")
        .await;
    window.close().await;
}

pub async fn user_without_the_required_rights_sees_who_can_connect() {
    let scene = Scene::new("wrong-user").await;
    let window = Window::open().await;

    window.goto(&scene.connect_link().await).await;
    window.press("Continue to Constant Contact").await;
    allow(&window, CREATOR).await;
    window
        .wait_for_heading("This user cannot add contacts")
        .await;
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
    window
        .wait_for_heading(&format!("{NAME} is connected"))
        .await;
    window.close().await;
}

pub async fn connecting_cannot_be_finished_in_another_browser() {
    let scene = Scene::new("two-browsers").await;
    let (window, other) = tokio::join!(Window::open(), Window::open());

    let link = scene.connect_link().await;
    window.goto(&link).await;
    window.press("Continue to Constant Contact").await;
    window
        .wait_for_heading("Allow Leadfeed access to your account?")
        .await;
    let callback = callback_url(&window, &scene.user).await;

    other.goto(&callback).await;
    other
        .wait_for_heading("This was started in another browser")
        .await;
    assert_eq!(other.url().await.query(), None);
    assert_eq!(scene.connection().await["status"], "not_connected");

    window.goto(&link).await;
    connect(&window, &scene.user).await;
    window.close().await;
    other.close().await;
}

/// Where the consent page would redirect the browser if this user allowed the access.
async fn callback_url(consent: &Window, user: &str) -> String {
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
    let scene = Scene::new("goes-back").await;
    let window = Window::open().await;
    window.goto(&scene.connect_link().await).await;
    connect(&window, &scene.user).await;
    let connected = scene.connection().await;

    window.back().await;
    window
        .wait_for_heading("Which lists should new contacts join?")
        .await;
    assert_eq!(window.count("[name=list]:checked").await, 1);
    window.back().await;
    window.back().await;
    window
        .wait_for_heading(&format!("Connect {NAME} again"))
        .await;

    let after = scene.connection().await;
    assert_eq!(after["status"], "active");
    assert_eq!(after["lists"], connected["lists"]);
    window.close().await;
}

pub async fn pressing_each_button_twice_makes_one_connection() {
    let scene = Scene::new("presses-twice").await;
    let window = Window::open().await;

    window.goto(&scene.connect_link().await).await;
    window.press_twice("Continue to Constant Contact").await;
    allow(&window, &scene.user).await;
    choose(&window).await;
    window.press_twice("Save and start").await;
    window
        .wait_for_heading(&format!("{NAME} is connected"))
        .await;

    let connection = scene.connection().await;
    assert_eq!(connection["status"], "active");
    assert_eq!(connection["lists"].as_array().unwrap().len(), 1);
    window.close().await;
}

pub async fn opening_the_callback_twice_makes_one_connection() {
    let scene = Scene::new("allows-twice").await;
    let window = Window::open().await;

    window.goto(&scene.connect_link().await).await;
    window.press("Continue to Constant Contact").await;
    window
        .wait_for_heading("Allow Leadfeed access to your account?")
        .await;
    window.select("#user", &scene.user).await;
    let callback = callback_url(&window, &scene.user).await;
    window.goto(&callback).await;
    window
        .wait_for_heading("Which lists should new contacts join?")
        .await;
    window.goto(&callback).await;
    window.wait_for_heading("This step is already done").await;
    assert_eq!(window.url().await.query(), None);
    window.press("Continue").await;
    window
        .wait_for_heading("Which lists should new contacts join?")
        .await;

    assert_eq!(scene.connection().await["status"], "active");
    window.close().await;
}

pub async fn connect_link_can_be_opened_twice_but_used_by_only_one_browser() {
    let scene = Scene::new("opens-twice").await;
    let (window, other) = tokio::join!(Window::open(), Window::open());
    let link = scene.connect_link().await;
    let welcome = format!("Connect {NAME} to Constant Contact");

    window.goto(&link).await;
    window.wait_for_heading(&welcome).await;
    other.goto(&link).await;
    other.wait_for_heading(&welcome).await;
    connect(&window, &scene.user).await;

    other.press("Continue to Constant Contact").await;
    other.wait_for_heading("This link cannot be used").await;
    other.goto(&link).await;
    other.wait_for_heading("This link cannot be used").await;
    assert_eq!(scene.connection().await["status"], "active");
    window.close().await;
    other.close().await;
}

pub async fn saving_without_a_list_shows_what_is_missing() {
    let scene = Scene::new("no-list").await;
    let window = Window::open().await;

    window.goto(&scene.connect_link().await).await;
    window.press("Continue to Constant Contact").await;
    allow(&window, &scene.user).await;
    window
        .wait_for_heading("Which lists should new contacts join?")
        .await;
    window.click("#terms").await;
    window.press("Save and start").await;

    window.wait_for_text("Choose at least one list").await;
    assert_eq!(window.count("#terms:checked").await, 1);
    assert_eq!(scene.connection().await["lists"], json!([]));
    window.close().await;
}
