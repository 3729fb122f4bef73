//! A browser window as a person uses it: by what is on the page.

use std::time::Duration;

use fantoccini::actions::{
    InputSource as _, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction,
};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, Locator};
use leadfeed_tests::eventually;
use reqwest::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::chromium;

const TIMEOUT: Duration = Duration::from_secs(30);

pub struct Window {
    client: Client,
}

/// A chromedriver command outside the standard.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

impl Window {
    /// A window of a browser without cookies or history.
    pub async fn open() -> Self {
        let client = chromium::fresh(&[]).await;
        Self { client }
    }

    /// The same, with this host mapped to a port of this machine.
    pub async fn open_with_host(host: &str, port: u16) -> Self {
        let client = chromium::fresh(&[(host, port)]).await;
        Self { client }
    }

    pub async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub async fn back(&self) {
        self.client.back().await.unwrap();
    }

    pub async fn url(&self) -> Url {
        self.client.current_url().await.unwrap()
    }

    /// Waits for the page with this heading.
    pub async fn wait_for_heading(&self, heading: &str) {
        self.wait_until("h1", heading, |shown| shown == heading)
            .await;
    }

    /// Waits for a page that contains this text.
    pub async fn wait_for_text(&self, text: &str) {
        self.wait_until("body", text, |body| body.contains(text))
            .await;
    }

    async fn wait_until(&self, css: &str, wanted: &str, holds: impl Fn(&str) -> bool) {
        let read = || self.text_of(css); // fails while the next page loads
        let is_expected =
            |shown: &Result<String, CmdError>| shown.as_ref().is_ok_and(|text| holds(text));
        let shown = eventually(TIMEOUT, read, is_expected).await;
        assert!(
            is_expected(&shown),
            "expected {wanted:?}, not {shown:?}, within {TIMEOUT:?}"
        );
    }

    async fn text_of(&self, css: &str) -> Result<String, CmdError> {
        self.client.find(Locator::Css(css)).await?.text().await
    }

    /// Enters the page's frame; also from inside it, after it has loaded another page.
    pub async fn enter_frame(&self) {
        self.client.enter_parent_frame().await.unwrap();
        self.client.enter_frame(0).await.unwrap();
    }

    /// The whole text of the page.
    pub async fn text(&self) -> String {
        self.find("body").await.text().await.unwrap()
    }

    /// Waits for the first element that matches: a click returns before the page that it leads to is there.
    pub async fn find(&self, css: &str) -> Element {
        self.wait_for(Locator::Css(css)).await
    }

    async fn wait_for(&self, wanted: Locator<'_>) -> Element {
        let found = self.client.wait().at_most(TIMEOUT).for_element(wanted);
        let found = found.await;
        found.unwrap_or_else(|error| panic!("{wanted:?}: {error}"))
    }

    /// How many elements match.
    pub async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.unwrap().len()
    }

    /// The value of a field.
    pub async fn value(&self, css: &str) -> String {
        self.find(css).await.prop("value").await.unwrap().unwrap()
    }

    pub async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap();
    }

    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub async fn select(&self, css: &str, value: &str) {
        let select = self.find(css).await;
        select.select_by_value(value).await.unwrap();
    }

    /// Presses the button or follows the link with this text.
    pub async fn press(&self, text: &str) {
        self.button_or_link(text).await.click().await.unwrap();
    }

    /// Presses a button twice, as fast as a mouse can.
    pub async fn press_twice(&self, text: &str) {
        let element = self.button_or_link(text).await;
        let (button, duration) = (MOUSE_BUTTON_LEFT, None);
        let (x, y) = (0.0, 0.0);
        let click = [PointerAction::Down { button }, PointerAction::Up { button }];
        let there = PointerAction::MoveToElement {
            element,
            duration,
            x,
            y,
        };
        let mouse = [there]
            .into_iter()
            .chain(click.clone())
            .chain(click)
            .fold(MouseActions::new("mouse".to_owned()), |mouse, action| {
                mouse.then(action)
            });
        self.client.perform_actions(mouse).await.unwrap();
    }

    async fn button_or_link(&self, text: &str) -> Element {
        let path = format!("//*[self::button or self::a][normalize-space()='{text}']");
        self.wait_for(Locator::XPath(&path)).await
    }

    /// Types on the keyboard, into the focused element.
    pub async fn keys(&self, keys: &str) {
        let keyboard = keys
            .chars()
            .flat_map(|value| [KeyAction::Down { value }, KeyAction::Up { value }])
            .fold(KeyActions::new("keyboard".to_owned()), |keys, key| {
                keys.then(key)
            });
        self.client.perform_actions(keyboard).await.unwrap();
    }

    /// Presses the tab key until the focus is on the field or button of this name.
    pub async fn tab_to(&self, name: &str) {
        let tab = char::from(Key::Tab).to_string();
        for _ in 0..20 {
            self.keys(&tab).await;
            if self.focus().await == name {
                return;
            }
        }
        panic!("the tab key does not reach {name}");
    }

    /// The name of the focused field, or its text.
    pub async fn focus(&self) -> String {
        let element = self.client.active_element().await.unwrap();
        match element.attr("name").await.unwrap() {
            Some(name) => name,
            None => element.text().await.unwrap(),
        }
    }

    /// The browser's console messages since the last call, without those about pages with a 4xx.
    pub async fn console_messages(&self) -> Vec<Value> {
        let log = self.extension("se/log", json!({"type": "browser"})).await;
        let mut log: Vec<Value> = serde_json::from_value(log).unwrap();
        let status = "the server responded with a status of 4";
        log.retain(|entry| !entry["message"].as_str().unwrap().contains(status));
        log
    }

    /// Sends a command of the developer tools.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.extension("goog/cdp/execute", body).await
    }

    async fn extension(&self, path: &'static str, body: Value) -> Value {
        self.client
            .issue_cmd(Extension { path, body })
            .await
            .unwrap()
    }

    /// Closes the browser; its console has to be empty.
    pub async fn close(self) {
        assert_eq!(self.console_messages().await, Vec::<Value>::new());
        self.client.close().await.unwrap();
    }
}
