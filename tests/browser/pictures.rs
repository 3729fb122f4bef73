//! Screens on which pages are viewed, and the pictures in the README and the guides. New pictures are taken if
//! `LEADFEED_SCREENSHOTS` is set.

use std::path::Path;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::window::Window;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/screenshots");

/// The most of a page that a phone's picture shows, in CSS pixels.
const PHONE_HEIGHT: f64 = 1_100.0;

#[derive(Debug, Clone, Copy)]
pub enum Screen {
    LightDesktop,
    WideDesktop,
    DarkDesktop,
    LightPhone,
    DarkPhone,
    /// Also a desktop whose text is enlarged to four times its size (WCAG 2.2, 1.4.10).
    NarrowPhone,
}

impl Screen {
    pub const PHONES: [Self; 2] = [Self::LightPhone, Self::DarkPhone];

    fn is_phone(self) -> bool {
        matches!(self, Self::LightPhone | Self::DarkPhone | Self::NarrowPhone)
    }
}

/// Shows the page on this screen, until [`reset_screen`]: with reduced motion, so that no colour is caught in the
/// transition from light to dark.
pub async fn emulate(window: &Window, screen: Screen) {
    let (scheme, width) = match screen {
        Screen::LightDesktop => ("light", 860),
        Screen::WideDesktop => ("light", 1_180),
        Screen::DarkDesktop => ("dark", 1_180),
        Screen::LightPhone => ("light", 390),
        Screen::DarkPhone => ("dark", 390),
        Screen::NarrowPhone => ("light", 320),
    };
    let mobile = screen.is_phone();
    let media = json!({"features": [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]});
    let metrics = json!({"width": width, "height": 100, "deviceScaleFactor": 1, "mobile": mobile});
    window.devtools("Emulation.setEmulatedMedia", media).await;
    window
        .devtools("Emulation.setDeviceMetricsOverride", metrics)
        .await;
}

pub async fn reset_screen(window: &Window) {
    window
        .devtools("Emulation.clearDeviceMetricsOverride", json!({}))
        .await;
    let media = json!({"features": []});
    window.devtools("Emulation.setEmulatedMedia", media).await;
}

/// Takes a picture of the page, if pictures are requested: of the whole page, or on a phone of its top.
pub async fn take_picture(window: &Window, name: &str, screen: Screen) {
    if env::var_os("LEADFEED_SCREENSHOTS").is_none() {
        return;
    }
    emulate(window, screen).await;
    let layout = window.devtools("Page.getLayoutMetrics", json!({})).await;
    let mut clip = layout["cssContentSize"].clone();
    clip["scale"] = json!(1);
    if screen.is_phone() {
        let height = clip["height"].as_f64().unwrap().min(PHONE_HEIGHT);
        (clip["height"], clip["scale"]) = (json!(height), json!(2));
    }
    let whole = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
    let picture = window.devtools("Page.captureScreenshot", whole).await;
    let png = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
    fs::write(Path::new(FOLDER).join(format!("{name}.png")), png).unwrap();
    reset_screen(window).await;
}
