//! Accessibility: each page is checked against the rules of axe, light and dark, on a desktop and on a phone.

use leadfeed_local::progress::Progress;
use leadfeed_local::tools::axe;
use serde_json::{Value, json};

use crate::managing;
use crate::pictures::{Screen, emulate, reset_screen};
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
    async fn check_page(&mut self) {
        for screen in [
            Screen::WideDesktop,
            Screen::DarkDesktop,
            Screen::LightPhone,
            Screen::DarkPhone,
        ] {
            emulate(&self.window, screen).await;
            let heading = self.window.find("h1").await.text().await.unwrap();
            let run =
                "axe.run().then(found => JSON.stringify([found.passes.length, found.violations]))";
            let expression = format!("{}\n{run}", self.axe);
            let evaluate = json!({"expression": expression, "awaitPromise": true});
            let answer = self.window.devtools("Runtime.evaluate", evaluate).await;
            let answer = answer["result"]["value"].as_str().unwrap();
            let (passed, violations): (u32, Vec<Value>) = serde_json::from_str(answer).unwrap();
            assert!(passed > 10, "{heading:?} passed only {passed} rules");
            let descriptions = violations.iter().map(|found| {
                let (rule, impact) = (&found["id"], &found["impact"]);
                let node = &found["nodes"][0];
                let (html, summary) = (&node["html"], &node["failureSummary"]);
                format!("{heading} ({screen:?}): {rule} ({impact}) at {html}: {summary}")
            });
            self.findings.extend(descriptions);
        }
        reset_screen(&self.window).await;
    }

    async fn end(self) {
        assert_eq!(self.findings, Vec::<String>::new());
        self.window.close().await;
    }
}

pub async fn connect_pages_pass_the_accessibility_rules() {
    let scene = Scene::new("axe-connects").await;
    let mut inspection = Inspection::begin().await;

    let link = scene.connect_link().await;
    inspection.window.goto(&link).await;
    inspection.check_page().await;
    inspection
        .window
        .press("Continue to Constant Contact")
        .await;
    inspection
        .window
        .wait_for_heading("Allow Leadfeed access to your account?")
        .await;
    inspection.window.press("Deny").await;
    inspection.window.wait_for_heading("You declined").await;
    inspection.check_page().await;
    inspection.window.press("Back to Constant Contact").await;
    allow(&inspection.window, &scene.user).await;
    choose(&inspection.window).await;
    inspection.check_page().await;
    inspection.window.click("#terms").await;
    inspection.window.press("Save and start").await;
    inspection
        .window
        .wait_for_text("Confirm where your contacts come from.")
        .await;
    inspection.check_page().await;
    inspection.window.click("#terms").await;
    inspection.window.press("Save and start").await;
    inspection
        .window
        .wait_for_heading("Analytical Engines is connected")
        .await;
    inspection.check_page().await;
    inspection.window.goto(&format!("{link}x")).await;
    inspection
        .window
        .wait_for_heading("This link cannot be used")
        .await;
    inspection.check_page().await;
    inspection.end().await;
}

pub async fn hosted_form_passes_the_accessibility_rules() {
    let scene = Scene::new("axe-signs-up").await;
    let mut inspection = Inspection::begin().await;

    inspection.window.goto(&scene.hosted_form()).await;
    inspection.check_page().await;
    inspection.window.fill("[name=email]", "axe@").await;
    inspection.window.press("Sign up").await;
    inspection.window.find("[role=alert]").await;
    inspection.check_page().await;
    inspection
        .window
        .fill("[name=email]", "axe@example.com")
        .await;
    inspection.window.click("[name=consent]").await;
    inspection.window.press("Sign up").await;
    inspection.window.wait_for_heading("Thank you").await;
    inspection.check_page().await;
    inspection.end().await;
}

pub async fn manage_page_passes_the_accessibility_rules() {
    let scene = managing::customer_with_a_month("axe-manages").await;
    let mut inspection = Inspection::begin().await;

    inspection.window.goto(&scene.manage_url().await).await;
    for details in ["details.form", ".leads details", ".chart details"] {
        inspection.window.click(&format!("{details} summary")).await;
    }
    inspection.check_page().await;
    inspection.window.press("Try again…").await;
    inspection.window.wait_for_heading("Try again").await;
    inspection.check_page().await;
    inspection.window.press("Try again now").await;
    inspection.window.find("[role=status]").await;
    inspection.check_page().await;
    inspection.window.fill("#email", "ada@example.com").await;
    inspection.window.press("Erase this person…").await;
    inspection.window.wait_for_heading("Erase a person").await;
    inspection.check_page().await;
    inspection.window.press("Back").await;
    inspection
        .window
        .fill("#never-email", "ada@example.com")
        .await;
    inspection
        .window
        .press("Never add this person again…")
        .await;
    inspection
        .window
        .wait_for_heading("Never add this person again")
        .await;
    inspection.check_page().await;
    inspection.window.press("Back").await;
    inspection
        .window
        .press("Waiting sign-ups, for Constant Contact’s upload")
        .await;
    inspection
        .window
        .wait_for_heading("For Constant Contact’s upload")
        .await;
    inspection.check_page().await;
    inspection
        .window
        .goto(&format!("{}x", scene.manage_url().await))
        .await;
    inspection.check_page().await;
    inspection.end().await;
}
