//! How a visitor signs up for the customer's lists.

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
const HUMAN_DELAY: Duration = Duration::from_millis(2_500);

pub async fn hosted_form_can_be_filled_in_using_only_the_keyboard() {
    let scene = Scene::connected("keyboard").await;
    let window = Window::open().await;
    let tab = char::from(Key::Tab).to_string();
    let expect_next_focus = async |expected: &str| {
        window.keys(&tab).await;
        assert_eq!(window.focus().await, expected);
    };

    window.goto(&scene.hosted_form()).await;
    tokio::time::sleep(HUMAN_DELAY).await;
    expect_next_focus("Skip to the content").await;
    expect_next_focus("email").await;
    window.keys("keyboard@example.com").await;
    expect_next_focus("first_name").await;
    window.keys("Ada").await;
    expect_next_focus("last_name").await;
    expect_next_focus("company_name").await;
    expect_next_focus("phone_number").await;
    expect_next_focus("consent").await;
    window.keys(" ").await;
    expect_next_focus("Sign up").await;
    window.keys(&char::from(Key::Enter).to_string()).await;

    window.wait_for_heading("Thank you").await;
    let contact = contact("keyboard@example.com").await;
    assert_eq!(contact.first_name.as_deref(), Some("Ada"));
    window.close().await;
}

pub async fn invalid_field_is_marked_and_entered_values_are_kept() {
    let scene = Scene::connected("mistaken").await;
    let window = Window::open().await;

    window.goto(&scene.hosted_form()).await;
    tokio::time::sleep(HUMAN_DELAY).await;
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
    window.wait_for_heading("Thank you").await;
    let contact = contact("mistaken@example.com").await;
    assert_eq!(contact.first_name.as_deref(), Some("Ada"));
    window.close().await;
}

pub async fn submitting_without_consent_marks_the_consent_field() {
    let scene = Scene::connected("unasked").await;
    let window = Window::open().await;

    window.goto(&scene.hosted_form()).await;
    window.fill("[name=email]", "unasked@example.com").await;
    window.press("Sign up").await;

    window.find("[name=consent][aria-invalid=true]").await;
    assert_eq!(window.value("[name=email]").await, "unasked@example.com");
    window.close().await;
}

pub async fn web_to_lead_page_delivers_its_lead_and_returns_to_the_site() {
    let scene = Scene::connected("web-to-lead").await;
    let page = include_str!("web_to_lead.html")
        .replace("https://YOUR-STACK", stack().url())
        .replace("YOUR-FORM", scene.form["form_id"].as_str().unwrap());
    let change = json!({"return_hosts": ["engines.example"]});
    let form = format!("/v1/forms/{}", text(&scene.form, "form_id").unwrap());
    let changed = scene.operator.call_ok(Method::PATCH, &form, Some(&change));
    changed.await.unwrap();

    let site: Url = site(page).await.parse().unwrap();
    let window = Window::open_with_host("engines.example", site.port().unwrap()).await;
    window.goto("http://engines.example/").await;
    window.fill("#first_name", "Mary").await;
    window.fill("#last_name", "Somerville").await;
    window.fill("#email", "mary@example.com").await;
    window.fill("#company", "Mechanism of the Heavens").await;
    window.click("#consent").await;
    window.click("[name=submit]").await;

    window.wait_for_heading("We will be in touch").await;
    assert_eq!(window.url().await.as_str(), "http://engines.example/thanks");
    let contact = contact("mary@example.com").await;
    assert_eq!(contact.first_name.as_deref(), Some("Mary"));
    assert_eq!(contact.last_name.as_deref(), Some("Somerville"));
    window.close().await;
}

pub async fn fetch_snippet_submits_whether_filled_in_by_script_or_by_hand() {
    let scene = Scene::connected("scripted").await;
    let window = Window::open().await;
    let snippet = text(&scene.form, "snippet_fetch").unwrap();
    let site = site(format!("{snippet}{snippet}")).await;
    let form = format!("/v1/forms/{}", text(&scene.form, "form_id").unwrap());
    let change = json!({"allowed_origins": [site]});
    let changed = scene.operator.call_ok(Method::PATCH, &form, Some(&change));
    changed.await.unwrap();

    window.goto(&site).await;
    let script = async |expression: &str| {
        let evaluate = json!({"expression": expression});
        window.devtools("Runtime.evaluate", evaluate).await;
    };
    script(SUBMIT_EMPTY).await;
    let message = "Email address: an email address is required; please tick the box to sign up";
    window.wait_for_text(message).await;
    script(SUBMIT_FILLED_IN).await;
    window.wait_for_text("Thank you.").await;
    contact("scripted@example.com").await;
    let leads = "/v1/customers/scripted/leads";
    let leads = scene
        .operator
        .call_ok(Method::GET, leads, None)
        .await
        .unwrap();
    assert_eq!(leads["leads"].as_array().unwrap().len(), 1, "{leads}");
    let engines = &leads["leads"][0]["contact"]["custom_fields"]["Engine"];
    assert_eq!(engines, "difference; analytical");

    window.goto(&site).await;
    tokio::time::sleep(HUMAN_DELAY).await;
    let in_second_form = |css: &str| format!("form:last-of-type {css}");
    let email = "by-hand@example.com";
    window.fill(&in_second_form("[name=email]"), email).await;
    window.click(&in_second_form("[name=consent]")).await;
    window.click(&in_second_form("button")).await;
    window.wait_for_text("Thank you.").await;
    contact(email).await;
    window.close().await;
}

/// Submits the first form unchanged, which a browser prevents a person from doing.
const SUBMIT_EMPTY: &str = r#"{
    const form = document.querySelector("form");
    form.noValidate = true;
    form.requestSubmit();
}"#;

/// Submits it with two choices of a field.
const SUBMIT_FILLED_IN: &str = r#"{
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
pub async fn form_in_a_frame_shows_its_answer_in_the_frame() {
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
    window.wait_for_heading("Thank you").await;
    window.close().await;
}

pub async fn content_security_policy_violations_appear_in_the_console() {
    let window = Window::open().await;
    let page =
        "<meta http-equiv=content-security-policy content=\"script-src 'none'\"><script>1</script>";

    window.goto(&site(page.to_owned()).await).await;

    let messages = window.console_messages().await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0]["source"], "security");
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
