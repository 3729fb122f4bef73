//! A deployment in memory, complete or broken, behind a real URL.

use std::process::ExitCode;
use std::sync::Arc;

use admin_api::Api;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use clap::Parser as _;
use jiff::Timestamp;
use lambda_http::request::from_str;
use leadfeed_cli::{Options, Stdin, run};
use leadfeed_shared::app::admin::AdminAuth;
use leadfeed_shared::app::connect::Connect;
use leadfeed_shared::fakes::{Faults, Memory, MemoryTokens, samples};
use leadfeed_shared::ports::{Clock as _, Customers as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub const TOKEN: &str = "test-admin-token";

/// How Constant Contact's authorization server answers.
#[derive(Debug, Clone, Copy)]
pub enum Authorize {
    Accepts,
    Refuses(&'static str),
    Fails,
}

pub struct Deployment {
    pub memory: Memory,
    pub url: String,
}

struct Functions {
    api: Api<Memory, MemoryTokens>,
    connect: Connect<Memory>,
}

impl Deployment {
    /// A complete one, with the customer `engines`.
    pub async fn new() -> Self {
        Self::with(Authorize::Accepts, |_| {}).await
    }

    /// With another answer of the authorization server, and a memory changed before anything starts.
    pub async fn with(authorize: Authorize, change: impl FnOnce(&mut Memory)) -> Self {
        let mut memory = Memory::new("2026-11-23T12:00:00Z".parse::<Timestamp>().unwrap());
        change(&mut memory);
        let engines = samples::customer(memory.clock.now());
        memory.directory.put_customer(&engines).await.unwrap();
        let (listener, url) = listener().await;
        let tokens = MemoryTokens::new(&Faults::default(), &[TOKEN]);
        let auth = AdminAuth::read(tokens, memory.clock.now()).await.unwrap();
        let (mut admin, mut connect) = (memory.admin(), memory.connect());
        admin.public_url.clone_from(&url);
        connect.site.public_url.clone_from(&url);
        connect.site.auth_url = format!("{url}/authz").parse().unwrap();
        let functions = Functions {
            api: Api {
                auth,
                admin,
                service: "Leadfeed".to_owned(),
            },
            connect,
        };
        let sign_in_page = move || async move {
            match authorize {
                Authorize::Accepts => (StatusCode::OK, "Sign in"),
                Authorize::Refuses(words) => (StatusCode::BAD_REQUEST, words),
                Authorize::Fails => (StatusCode::SERVICE_UNAVAILABLE, "client_id"),
            }
        };
        let router = Router::new()
            .route("/authz/authorize", get(sign_in_page))
            .route("/connect/{*rest}", any(serve_connect))
            .route("/oauth/callback", any(serve_connect))
            .fallback(serve_admin)
            .with_state(Arc::new(functions));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { memory, url }
    }

    /// Runs a command; its output and whether it succeeded.
    pub async fn leadfeed(&self, arguments: &[&str]) -> (String, bool) {
        leadfeed(&self.url, TOKEN, arguments).await
    }

    /// What a command prints as JSON.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        let (output, _) = self.leadfeed(&arguments).await;
        serde_json::from_str(&output).unwrap_or_else(|_| panic!("{output}"))
    }
}

/// A listener on a free port, and its URL.
async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Serves the router from now on; returns its URL.
pub async fn serve(router: Router) -> String {
    let (listener, url) = listener().await;
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Runs a command against a URL with a token, without a terminal.
pub async fn leadfeed(url: &str, token: &str, arguments: &[&str]) -> (String, bool) {
    run_typing(None, url, token, arguments).await
}

/// Runs a command at a terminal where this is typed; without one if it is `None`.
pub async fn run_typing(
    typed: Option<&str>,
    url: &str,
    token: &str,
    arguments: &[&str],
) -> (String, bool) {
    let stdin = Stdin {
        is_terminal: typed.is_some(),
        lines: &mut typed.unwrap_or_default().as_bytes(),
    };
    run_with_stdin(stdin, url, token, arguments).await
}

/// Runs a command with this standard input.
pub async fn run_with_stdin(
    stdin: Stdin<'_>,
    url: &str,
    token: &str,
    arguments: &[&str],
) -> (String, bool) {
    let address = ["leadfeed", "--url", url, "--token", token];
    let options = Options::try_parse_from(address.iter().chain(arguments)).unwrap();
    let mut output = Vec::new();
    let done = run(options, stdin, &mut output).await;
    let output = String::from_utf8(output).unwrap();
    match done {
        Ok(code) => (output, code == ExitCode::SUCCESS),
        Err(error) => (format!("{output}{error:#}"), false),
    }
}

async fn serve_admin(
    State(functions): State<Arc<Functions>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = from_str(&event(&method, &uri, &headers, &body)).unwrap();
    into_axum(admin_api::handle(&functions.api, request).await)
}

async fn serve_connect(
    State(functions): State<Arc<Functions>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = from_str(&event(&method, &uri, &headers, &body)).unwrap();
    into_axum(oauth_callback::handle(&functions.connect, request).await)
}

/// The request as the gateway hands it to a function.
fn event(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> String {
    let headers: serde_json::Map<_, _> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap())))
        .collect();
    let mut event: Value =
        serde_json::from_str(include_str!("../../../events/admin-get-health.json")).unwrap();
    event["rawPath"] = uri.path().into();
    event["rawQueryString"] = uri.query().unwrap_or_default().into();
    event["requestContext"]["http"]["path"] = uri.path().into();
    event["requestContext"]["http"]["method"] = method.as_str().into();
    event["headers"] = headers.into();
    event["body"] = String::from_utf8(body.to_vec()).unwrap().into();
    event.to_string()
}

fn into_axum(response: lambda_http::Response<lambda_http::Body>) -> Response {
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.to_vec()).into_response()
}
