//! A proxy that injects faults. All effects of a use case go over HTTP; here each request is one step, and at a chosen
//! step the caller is killed, or gets an error, before the request goes on or after it took effect.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use leadfeed_shared::fakes::Fault;
use leadfeed_tests::serve;
use tokio::sync::Notify;

/// Steps counted over all wires that share this.
#[derive(Default)]
pub struct Steps {
    taken: AtomicU64,
    names: Mutex<Vec<String>>,
    faults: Mutex<BTreeMap<u64, Fault>>,
    killed: Notify,
}

impl Steps {
    /// Restarts the count, with faults at coming steps.
    pub fn restart(&self, faults: impl IntoIterator<Item = (u64, Fault)>) {
        self.taken.store(0, Ordering::SeqCst);
        self.names.lock().unwrap().clear();
        *self.faults.lock().unwrap() = faults.into_iter().collect();
    }

    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }

    /// What each request since then was for: an action of AWS, or the end of a path.
    pub fn names(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }

    fn record_name(&self, uri: &Uri, headers: &HeaderMap) {
        let action = headers
            .get("x-amz-target")
            .and_then(|target| target.to_str().ok()?.rsplit_once('.'));
        let path = || uri.path().rsplit('/').next().unwrap_or_default();
        let name = action.map_or_else(path, |(_, action)| action);
        self.names.lock().unwrap().push(name.to_owned());
    }

    /// Runs work to its end; `None` if a fault killed it.
    pub async fn run_until_killed<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.killed.notified() => None,
            done = work => Some(done),
        }
    }

    async fn kill(&self) -> Response {
        self.killed.notify_one();
        pending().await
    }
}

/// The service that requests are forwarded to.
#[derive(Clone)]
pub struct Upstream {
    url: String,
    client: reqwest::Client,
}

impl Upstream {
    pub fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self {
            url: url.to_owned(),
            client: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    pub async fn forward(
        &self,
        method: Method,
        uri: &Uri,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Response {
        headers.remove(header::HOST);
        let url = format!("{}{uri}", self.url);
        let request = self.client.request(method, url).headers(headers).body(body);
        let answer = request.send().await.unwrap();
        let (status, kind) = (
            answer.status(),
            answer.headers().get(header::CONTENT_TYPE).cloned(),
        );
        let mut answer = (status, answer.bytes().await.unwrap()).into_response();
        if let Some(kind) = kind {
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        answer
    }
}

#[derive(Clone)]
struct Wire {
    upstream: Upstream,
    steps: Arc<Steps>,
}

/// Starts a proxy for `upstream` and returns its address.
pub async fn proxy_to(upstream: &str, steps: &Arc<Steps>) -> anyhow::Result<String> {
    let wire = Wire {
        upstream: Upstream::new(upstream)?,
        steps: steps.clone(),
    };
    serve(Router::new().fallback(handle).with_state(wire)).await
}

async fn handle(
    State(wire): State<Wire>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    wire.steps.record_name(&uri, &headers);
    let step = wire.steps.taken.fetch_add(1, Ordering::SeqCst) + 1;
    let fault = wire.steps.faults.lock().unwrap().remove(&step);
    match fault {
        Some(Fault::CrashBefore) => return wire.steps.kill().await,
        Some(Fault::FailBefore) => return error_response(),
        _ => {}
    }
    let answer = wire.upstream.forward(method, &uri, headers, body).await;
    match fault {
        Some(Fault::CrashAfter) => wire.steps.kill().await,
        Some(Fault::FailAfter) => error_response(),
        _ => answer,
    }
}

/// An error response in the format of AWS.
fn error_response() -> Response {
    let body = r#"{"__type":"InternalServerError","message":"planned"}"#;
    (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
}
