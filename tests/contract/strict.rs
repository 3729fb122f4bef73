//! Secrets Manager as strict as AWS has it. MiniStack takes a version id a second time with another value and puts
//! that in the place of the first; AWS refuses it, and the vault's promise rests on that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::wire::{self, Behind};

/// The values of version ids, by secret and id.
type Versions = HashMap<(String, String), String>;

#[derive(Clone)]
struct Strict {
    behind: Behind,
    versions: Arc<Mutex<Versions>>,
}

/// An endpoint that refuses what AWS refuses and passes on the rest.
pub async fn secrets(behind: &str) -> anyhow::Result<String> {
    let strict = Strict {
        behind: Behind::at(behind)?,
        versions: Arc::default(),
    };
    wire::serve(Router::new().fallback(answer).with_state(strict)).await
}

async fn answer(
    State(strict): State<Strict>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let puts = headers
        .get("x-amz-target")
        .is_some_and(|target| target == "secretsmanager.PutSecretValue");
    if puts && strict.is_other_value(&body) {
        let refusal = json!({"__type": "ResourceExistsException", "Message": "the version has another value"});
        return (StatusCode::BAD_REQUEST, refusal.to_string()).into_response();
    }
    strict.behind.answer(method, &uri, headers, body).await
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
