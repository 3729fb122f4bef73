//! Developer applications: a client id, a secret and the limits of one API key.

use serde::{Deserialize, Serialize};

use super::limits::Meter;

#[derive(Debug)]
pub struct App {
    pub client_id: String,
    pub name: String,
    pub secret: String,
    pub redirect_uris: Vec<String>,
    pub token_kind: TokenKind,
    pub calls_per_second: u32,
    pub calls_per_day: u32,
    pub deactivated: bool,
    /// Until it is approved, an app serves only the user who created it.
    pub private_to: Option<String>,
    pub calls: Meter,
    pub token_calls: Meter,
}

/// Chosen per application in the developer portal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    #[default]
    Rotating,
    LongLived,
}

impl App {
    /// A rotating, public app with the ordinary limits.
    pub fn new(client_id: &str, secret: &str, redirect_uris: Vec<String>) -> Self {
        Self {
            client_id: client_id.to_owned(),
            name: client_id.to_owned(),
            secret: secret.to_owned(),
            redirect_uris,
            token_kind: TokenKind::Rotating,
            calls_per_second: 4,
            calls_per_day: 10_000,
            deactivated: false,
            private_to: None,
            calls: Meter::default(),
            token_calls: Meter::default(),
        }
    }
}
