//! The Constant Contact sandbox, with one application registered for the local stack.

use std::fmt;

use anyhow::{Context, Result};
use cc_sandbox::world::App;
use cc_sandbox::{Config, RunningSandbox};

const CLIENT_ID: &str = "leadfeed-local";
const CLIENT_SECRET: &str = "leadfeed-local-secret";

/// A running sandbox. Dropping it stops it.
pub struct Sandbox {
    running: RunningSandbox,
}

impl Sandbox {
    /// Starts one whose application redirects to `callback`.
    pub async fn start(callback: &str) -> Result<Self> {
        let mut app = App::new(CLIENT_ID, CLIENT_SECRET, vec![callback.to_owned()]);
        app.name = "Leadfeed".to_owned();
        let config = Config {
            apps: vec![app],
            ..Config::default()
        };
        let running = cc_sandbox::Sandbox::start(config).await;
        Ok(Self {
            running: running.context("the sandbox did not start")?,
        })
    }

    /// The address of the page that shows contacts arriving.
    pub fn url(&self) -> &str {
        self.running.url()
    }

    /// Its clock and its whole state.
    pub fn running(&self) -> &RunningSandbox {
        &self.running
    }

    /// How many contacts its accounts hold.
    pub fn contacts(&self) -> usize {
        let count = |lab: &mut cc_sandbox::lab::Lab| {
            let accounts = lab.world.accounts.iter();
            accounts.map(|account| account.contacts().len()).sum()
        };
        self.running.with(count)
    }

    /// Base URL of the API.
    pub fn api_url(&self) -> String {
        format!("{}/v3", self.url())
    }

    /// Base URL of the authorization server.
    pub fn auth_url(&self) -> String {
        format!("{}/oauth2/default/v1", self.url())
    }

    /// Client id of the application.
    pub fn client_id(&self) -> &'static str {
        CLIENT_ID
    }

    /// Client secret of the application.
    pub fn client_secret(&self) -> &'static str {
        CLIENT_SECRET
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}
