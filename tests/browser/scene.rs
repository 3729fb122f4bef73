//! A customer on the pages, and the contact of a visitor.

use cc_sandbox::world::Contact;
use leadfeed_tests::eventually;
use leadfeed_tests::scene::{self, TIMEOUT};
pub use leadfeed_tests::scene::{NAME, Scene};

use crate::window::Window;

pub const CREATOR: &str = "creator@harbor-bakery.example";

/// Signs in on the consent page and allows the access.
pub async fn allow(window: &Window, user: &str) {
    window
        .wait_for_heading("Allow Leadfeed access to your account?")
        .await;
    window.select("#user", user).await;
    window.press("Allow").await;
}

/// Chooses the first list and confirms the terms.
pub async fn choose(window: &Window) {
    window
        .wait_for_heading("Which lists should new contacts join?")
        .await;
    window.click("[name=list]").await;
    window.click("#terms").await;
}

/// Connects, from the connect link's page to the end.
pub async fn connect(window: &Window, user: &str) {
    window.press("Continue to Constant Contact").await;
    allow(window, user).await;
    choose(window).await;
    window.press("Save and start").await;
    window
        .wait_for_heading(&format!("{NAME} is connected"))
        .await;
}

/// Waits for the contact of this address.
pub async fn contact(email: &str) -> Contact {
    let found = eventually(TIMEOUT, async || scene::contact(email), Option::is_some).await;
    found.unwrap_or_else(|| panic!("{email} did not arrive within {TIMEOUT:?}"))
}
