//! Secrets Manager as strict as AWS has it. MiniStack takes a version id a second time with another value and puts
//! that in the place of the first; AWS refuses it, and the vault's promise rests on that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The values of version ids, by secret and id.
type Versions = HashMap<(String, String), String>;

#[derive(Clone)]
struct Strict {
    behind: String,
    client: reqwest::Client,
    versions: Arc<Mutex<Versions>>,
}

/// An endpoint that refuses what AWS refuses and passes on the rest.
pub async fn secrets(behind: &str) -> anyhow::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let strict = Strict {
        behind: behind.to_owned(),
        client: reqwest::Client::builder().no_proxy().build()?,
        versions: Arc::default(),
    };
    let service = Router::new().fallback(answer).with_state(strict);
    tokio::spawn(async move { axum::serve(listener, service).await });
    Ok(format!("http://{address}"))
}

async fn answer(State(strict): State<Strict>, headers: HeaderMap, body: Bytes) -> Response {
    let puts = headers
        .get("x-amz-target")
        .is_some_and(|target| target == "secretsmanager.PutSecretValue");
    if puts && strict.is_other_value(&body) {
        let refusal = json!({"__type": "ResourceExistsException", "Message": "the version has another value"});
        return (StatusCode::BAD_REQUEST, refusal.to_string()).into_response();
    }
    let mut headers = headers;
    headers.remove(header::HOST);
    let request = strict
        .client
        .post(&strict.behind)
        .headers(headers)
        .body(body);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, answer.bytes().await.unwrap()).into_response()
}

impl Strict {
    /// Whether the request names a version that has another value already.
    fn is_other_value(&self, request: &[u8]) -> bool {
        let request: Value = serde_json::from_slice(request).unwrap();
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        let version = (text("SecretId"), text("ClientRequestToken"));
        let value = text("SecretString");
        let mut versions = self.versions.lock().unwrap();
        *versions.entry(version).or_insert_with(|| value.clone()) != value
    }
}
