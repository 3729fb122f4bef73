//! The host that the checks run against.

use cc_sandbox::world::App;
use cc_sandbox::{Config, Sandbox};
use reqwest::Client;

use crate::fact::Needs;
use crate::site::{CLIENT_ID, REDIRECT_URI, SECRET, Site};

/// A sandbox for the checks, or a host named by the environment.
#[derive(Clone)]
pub enum Target {
    OwnSandbox,
    Remote(RemoteHost),
}

#[derive(Clone)]
pub struct RemoteHost {
    api: String,
    auth: Option<String>,
    client_id: Option<String>,
    secret: Option<String>,
    redirect_uri: Option<String>,
    access_token: Option<String>,
}

impl Target {
    pub fn from_env() -> Self {
        let var = |name| {
            std::env::var(name)
                .ok()
                .filter(|value: &String| !value.is_empty())
        };
        let Some(api) = var("CC_BASE_URL") else {
            return Self::OwnSandbox;
        };
        Self::Remote(RemoteHost {
            api,
            auth: var("CC_AUTH_URL"),
            client_id: var("CC_CLIENT_ID"),
            secret: var("CC_CLIENT_SECRET"),
            redirect_uri: var("CC_REDIRECT_URI"),
            access_token: var("CC_ACCESS_TOKEN"),
        })
    }

    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }

    pub fn supports(&self, needs: Needs) -> bool {
        match (self, needs) {
            (Self::OwnSandbox, _) => true,
            (Self::Remote(host), Needs::Host) => {
                host.auth.is_some() && host.client_id.is_some() && host.redirect_uri.is_some()
            }
            (Self::Remote(host), Needs::Token) => host.access_token.is_some(),
            (Self::Remote(_), Needs::Sandbox) => false,
        }
    }

    pub async fn open(self) -> Site {
        let no_redirects = Client::builder().redirect(reqwest::redirect::Policy::none());
        let http = no_redirects.build().expect("an HTTP client");
        match self {
            Self::OwnSandbox => {
                let uris = vec![
                    REDIRECT_URI.to_owned(),
                    "http://localhost:8080/cb".to_owned(),
                ];
                let mut config = Config {
                    apps: vec![App::new(CLIENT_ID, SECRET, uris)],
                    ..Config::default()
                };
                // The facts about limits turn them on.
                config.settings.limits = false;
                let sandbox = Sandbox::start(config).await.expect("a sandbox");
                let url = sandbox.url().to_owned();
                Site {
                    http,
                    api: url.clone(),
                    auth: url,
                    client_id: CLIENT_ID.into(),
                    secret: SECRET.into(),
                    redirect_uri: REDIRECT_URI.into(),
                    access_token: None,
                    sandbox: Some(sandbox),
                }
            }
            Self::Remote(host) => Site {
                http,
                auth: host.auth.unwrap_or_else(|| host.api.clone()),
                api: host.api,
                client_id: host.client_id.unwrap_or_default(),
                secret: host.secret.unwrap_or_default(),
                redirect_uri: host.redirect_uri.unwrap_or_default(),
                access_token: host.access_token,
                sandbox: None,
            },
        }
    }
}
