//! Accessibility: each page is checked against the rules of axe, light and dark, on a desktop and on a phone.

use leadfeed_local::progress::Progress;
use leadfeed_local::tools::axe;
use serde_json::{Value, json};

use crate::managing;
use crate::pictures::{Screen, put_away, put_on};
use crate::scene::{Scene, allow, choose};
use crate::window::Window;

/// A window, and what was found on its pages so far.
struct Inspection {
    window: Window,
    axe: String,
    findings: Vec<String>,
}

impl Inspection {
    async fn begin() -> Self {
        Self {
            window: Window::open().await,
            axe: axe(&Progress::new()).await.unwrap(),
            findings: Vec::new(),
        }
    }

    /// Checks the current page against the rules.
    async fn look(&mut self) {
        for screen in [
            Screen::WideDesktop,
            Screen::DarkDesktop,
            Screen::LightPhone,
            Screen::DarkPhone,
        ] {
            put_on(&self.window, screen).await;
            let heading = self.window.find("h1").await.text().await.unwrap();
            let run =
                "axe.run().then(found => JSON.stringify([found.passes.length, found.violations]))";
            let expression = format!("{}\n{run}", self.axe);
            let evaluate = json!({"expression": expression, "awaitPromise": true});
            let answer = self.window.tool("Runtime.evaluate", evaluate).await;
            let answer = answer["result"]["value"].as_str().unwrap();
            let (passed, violations): (u32, Vec<Value>) = serde_json::from_str(answer).unwrap();
            assert!(passed > 10, "{heading:?} was hardly looked at: {passed}");
            let told = violations.iter().map(|found| {
                let (rule, impact) = (&found["id"], &found["impact"]);
                let node = &found["nodes"][0];
                let (place, why) = (&node["html"], &node["failureSummary"]);
                format!("{heading} ({screen:?}): {rule} ({impact}) at {place}: {why}")
            });
            self.findings.extend(told);
        }
        put_away(&self.window).await;
    }

    async fn end(self) {
        assert_eq!(self.findings, Vec::<String>::new());
        self.window.close().await;
    }
}

pub async fn nothing_on_the_way_to_a_connection_keeps_people_out() {
    let scene = Scene::of("axe-connects").await;
    let mut inspection = Inspection::begin().await;

    let link = scene.link().await;
    inspection.window.goto(&link).await;
    inspection.look().await;
    inspection
        .window
        .press("Continue to Constant Contact")
        .await;
    inspection
        .window
        .shows("Allow Leadfeed access to your account?")
        .await;
    inspection.window.press("Deny").await;
    inspection.window.shows("You declined").await;
    inspection.look().await;
    inspection.window.press("Back to Constant Contact").await;
    allow(&inspection.window, &scene.user).await;
    choose(&inspection.window).await;
    inspection.look().await;
    inspection.window.click("#terms").await;
    inspection.window.press("Save and start").await;
    inspection
        .window
        .reads("Confirm where your contacts come from.")
        .await;
    inspection.look().await;
    inspection.window.click("#terms").await;
    inspection.window.press("Save and start").await;
    inspection
        .window
        .shows("Analytical Engines is connected")
        .await;
    inspection.look().await;
    inspection.window.goto(&format!("{link}x")).await;
    inspection.window.shows("This link cannot be used").await;
    inspection.look().await;
    inspection.end().await;
}

pub async fn nothing_on_a_form_keeps_people_out() {
    let scene = Scene::of("axe-signs-up").await;
    let mut inspection = Inspection::begin().await;

    inspection.window.goto(&scene.hosted_form()).await;
    inspection.look().await;
    inspection.window.fill("[name=email]", "axe@").await;
    inspection.window.press("Sign up").await;
    inspection.window.find("[role=alert]").await;
    inspection.look().await;
    inspection
        .window
        .fill("[name=email]", "axe@example.com")
        .await;
    inspection.window.click("[name=consent]").await;
    inspection.window.press("Sign up").await;
    inspection.window.shows("Thank you").await;
    inspection.look().await;
    inspection.end().await;
}

pub async fn nothing_on_the_customers_page_keeps_people_out() {
    let scene = managing::with_a_month("axe-manages").await;
    let mut inspection = Inspection::begin().await;

    inspection.window.goto(&scene.page().await).await;
    for details in ["details.form", ".leads details", ".chart details"] {
        inspection.window.click(&format!("{details} summary")).await;
    }
    inspection.look().await;
    inspection.window.press("Try again…").await;
    inspection.window.shows("Try again").await;
    inspection.look().await;
    inspection.window.press("Try again now").await;
    inspection.window.find("[role=status]").await;
    inspection.look().await;
    inspection.window.fill("#email", "ada@example.com").await;
    inspection.window.press("Erase this person…").await;
    inspection.window.shows("Erase a person").await;
    inspection.look().await;
    inspection.window.press("Back").await;
    inspection
        .window
        .fill("#never-email", "ada@example.com")
        .await;
    inspection
        .window
        .press("Never add this person again…")
        .await;
    inspection.window.shows("Never add this person again").await;
    inspection.look().await;
    inspection.window.press("Back").await;
    inspection
        .window
        .press("Waiting sign-ups, for Constant Contact’s upload")
        .await;
    inspection
        .window
        .shows("For Constant Contact’s upload")
        .await;
    inspection.look().await;
    inspection
        .window
        .goto(&format!("{}x", scene.page().await))
        .await;
    inspection.look().await;
    inspection.end().await;
}
