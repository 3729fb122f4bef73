//! How a visitor gets onto the customer's lists.

use std::time::Duration;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use fantoccini::key::Key;
use leadfeed_local::operator::text;
use leadfeed_tests::{serve, stack};
use reqwest::Method;
use serde_json::json;
use url::Url;

use crate::scene::{Scene, contact};
use crate::window::Window;

/// The shortest time that a person looks at a form. Anyone faster is taken for a robot.
const LOOK: Duration = Duration::from_millis(2_500);

pub async fn the_hosted_form_can_be_filled_in_by_keyboard_alone() {
    let scene = Scene::connected("keyboard").await;
    let window = Window::open().await;
    let tab = char::from(Key::Tab).to_string();
    let next = async |expected: &str| {
        window.keys(&tab).await;
        assert_eq!(window.focus().await, expected);
    };

    window.goto(&scene.hosted_form()).await;
    tokio::time::sleep(LOOK).await;
    next("Skip to the content").await;
    next("email").await;
    window.keys("keyboard@example.com").await;
    next("first_name").await;
    window.keys("Ada").await;
    next("last_name").await;
    next("company_name").await;
    next("phone_number").await;
    next("consent").await;
    window.keys(" ").await;
    next("Sign up").await;
    window.keys(&char::from(Key::Enter).to_string()).await;

    window.shows("Thank you").await;
    let contact = contact("keyboard@example.com").await;
    assert_eq!(contact.first_name.as_deref(), Some("Ada"));
    window.close().await;
}

pub async fn a_mistake_is_marked_and_what_was_typed_stays() {
    let scene = Scene::connected("mistaken").await;
    let window = Window::open().await;

    window.goto(&scene.hosted_form()).await;
    tokio::time::sleep(LOOK).await;
    window.fill("[name=email]", "mistaken@").await;
    window.fill("[name=first_name]", "Ada").await;
    window.click("[name=consent]").await;
    window.press("Sign up").await;

    let note = window.find("[role=alert]").await.text().await.unwrap();
    assert!(note.starts_with("Not sent yet."), "{note}");
    let marked = window.find("[aria-invalid=true]").await;
    assert_eq!(marked.attr("name").await.unwrap().as_deref(), Some("email"));
    let error = marked.attr("aria-describedby").await.unwrap().unwrap();
    let error = window.find(&format!("#{error}")).await;
    assert_ne!(error.text().await.unwrap(), "");
    assert_eq!(window.value("[name=email]").await, "mistaken@");
    assert_eq!(window.value("[name=first_name]").await, "Ada");

    window.fill("[name=email]", "mistaken@example.com").await;
    window.click("[name=consent]").await;
    window.press("Sign up").await;
    window.shows("Thank you").await;
    let contact = contact("mistaken@example.com").await;
    assert_eq!(contact.first_name.as_deref(), Some("Ada"));
    window.close().await;
}

pub async fn a_form_without_consent_asks_for_it() {
    let scene = Scene::connected("unasked").await;
    let window = Window::open().await;

    window.goto(&scene.hosted_form()).await;
    window.fill("[name=email]", "unasked@example.com").await;
    window.press("Sign up").await;

    window.find("[name=consent][aria-invalid=true]").await;
    assert_eq!(window.value("[name=email]").await, "unasked@example.com");
    window.close().await;
}

pub async fn a_web_to_lead_page_posts_into_the_lists() {
    let scene = Scene::connected("web-to-lead").await;
    let page = include_str!("web_to_lead.html")
        .replace("https://YOUR-STACK", stack().url())
        .replace("YOUR-FORM", scene.form["form_id"].as_str().unwrap());
    let change = json!({"return_hosts": ["engines.example"]});
    let form = format!("/v1/forms/{}", text(&scene.form, "form_id").unwrap());
    let changed = scene.operator.done(Method::PATCH, &form, Some(&change));
    changed.await.unwrap();

    let site: Url = site(page).await.parse().unwrap();
    let window = Window::knowing("engines.example", site.port().unwrap()).await;
    window.goto("http://engines.example/").await;
    window.fill("#first_name", "Mary").await;
    window.fill("#last_name", "Somerville").await;
    window.fill("#email", "mary@example.com").await;
    window.fill("#company", "Mechanism of the Heavens").await;
    window.click("#consent").await;
    window.click("[name=submit]").await;

    window.shows("We will be in touch").await;
    assert_eq!(window.url().await.as_str(), "http://engines.example/thanks");
    let contact = contact("mary@example.com").await;
    assert_eq!(contact.first_name.as_deref(), Some("Mary"));
    assert_eq!(contact.last_name.as_deref(), Some("Somerville"));
    window.close().await;
}

pub async fn a_scripted_form_is_sent_whether_or_not_anybody_was_in_its_fields() {
    let scene = Scene::connected("scripted").await;
    let window = Window::open().await;
    let snippet = text(&scene.form, "snippet_fetch").unwrap();
    let site = site(format!("{snippet}{snippet}")).await;
    let form = format!("/v1/forms/{}", text(&scene.form, "form_id").unwrap());
    let change = json!({"allowed_origins": [site]});
    let changed = scene.operator.done(Method::PATCH, &form, Some(&change));
    changed.await.unwrap();

    window.goto(&site).await;
    let script = async |expression: &str| {
        let evaluate = json!({"expression": expression});
        window.tool("Runtime.evaluate", evaluate).await;
    };
    script(LEFT_EMPTY).await;
    let said = "Email address: an email address is required; please tick the box to sign up";
    window.reads(said).await;
    script(FILLED_IN).await;
    window.reads("Thank you.").await;
    contact("scripted@example.com").await;
    let leads = "/v1/customers/scripted/leads";
    let leads = scene.operator.done(Method::GET, leads, None).await.unwrap();
    assert_eq!(leads["leads"].as_array().unwrap().len(), 1, "{leads}");
    let engines = &leads["leads"][0]["contact"]["custom_fields"]["Engine"];
    assert_eq!(engines, "difference; analytical");

    window.goto(&site).await;
    tokio::time::sleep(LOOK).await;
    let second = |css: &str| format!("form:last-of-type {css}");
    let email = "by-hand@example.com";
    window.fill(&second("[name=email]"), email).await;
    window.click(&second("[name=consent]")).await;
    window.click(&second("button")).await;
    window.reads("Thank you.").await;
    contact(email).await;
    window.close().await;
}

/// Submits the first form unchanged, which a browser prevents a person from doing.
const LEFT_EMPTY: &str = r#"{
    const form = document.querySelector("form");
    form.noValidate = true;
    form.requestSubmit();
}"#;

/// Submits it with two choices of a field.
const FILLED_IN: &str = r#"{
    const form = document.querySelector("form");
    form.querySelector("[name=email]").value = "scripted@example.com";
    form.querySelector("[name=consent]").checked = true;
    for (const engine of ["difference", "analytical"]) {
        const box = document.createElement("input");
        Object.assign(box, { type: "checkbox", name: "custom_fields[Engine]", value: engine, checked: true });
        form.append(box);
    }
    form.requestSubmit();
}"#;

/// Website editors put pasted code into such a frame.
pub async fn a_form_in_a_frame_is_answered_there() {
    let scene = Scene::connected("framed").await;
    let window = Window::open().await;
    let snippet = text(&scene.form, "snippet_html").unwrap();
    let pasted = snippet.replace('&', "&amp;").replace('"', "&quot;");
    let site = site(format!("<iframe srcdoc=\"{pasted}\"></iframe>")).await;

    window.goto(&site).await;
    window.enter_frame().await;
    window.fill("[name=email]", "framed@example.com").await;
    window.click("[name=consent]").await;
    window.press("Sign up").await;
    contact("framed@example.com").await;

    window.enter_frame().await;
    window.shows("Thank you").await;
    window.close().await;
}

pub async fn a_breach_of_a_policy_would_stand_in_the_console() {
    let window = Window::open().await;
    let page =
        "<meta http-equiv=content-security-policy content=\"script-src 'none'\"><script>1</script>";

    window.goto(&site(page.to_owned()).await).await;

    let complaints = window.complaints().await;
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert_eq!(complaints[0]["source"], "security");
    window.close().await;
}

/// Another site, with this page and a thank-you page; returns its address.
async fn site(page: String) -> String {
    let router = Router::new().route("/", get(async || Html(page))).route(
        "/thanks",
        get(async || Html("<h1>We will be in touch</h1>")),
    );
    let address = serve(router).await.unwrap();
    format!("{}/", address.replace("127.0.0.1", "localhost"))
}
