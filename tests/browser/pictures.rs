//! The pictures in the README. They are taken anew where `LEADFEED_SCREENSHOTS` is set.

use std::path::Path;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::window::Window;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/screenshots");

#[derive(Clone, Copy)]
pub enum Screen {
    LightDesktop,
    DarkPhone,
}

/// Takes a picture of the whole page, if any are wanted.
pub async fn take(window: &Window, name: &str, screen: Screen) {
    if env::var_os("LEADFEED_SCREENSHOTS").is_none() {
        return;
    }
    let (scheme, width, scale, mobile) = match screen {
        Screen::LightDesktop => ("light", 860, 1, false),
        Screen::DarkPhone => ("dark", 390, 1, true),
    };
    let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
    let metrics =
        json!({"width": width, "height": 100, "deviceScaleFactor": scale, "mobile": mobile});
    window.tool("Emulation.setEmulatedMedia", media).await;
    window
        .tool("Emulation.setDeviceMetricsOverride", metrics)
        .await;
    let layout = window.tool("Page.getLayoutMetrics", json!({})).await;
    let mut clip = layout["cssContentSize"].clone();
    clip["scale"] = json!(1);
    let whole = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
    let picture = window.tool("Page.captureScreenshot", whole).await;
    let png = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
    fs::write(Path::new(FOLDER).join(format!("{name}.png")), png).unwrap();
    window
        .tool("Emulation.clearDeviceMetricsOverride", json!({}))
        .await;
}
