//! A proxy that makes MiniStack as strict as AWS. MiniStack lets a version id be used again with another value, which
//! replaces the first; AWS refuses that, and the vault's promise depends on it. MiniStack answers every read of a table
//! with the current state; AWS may answer one that does not ask for consistency with an older state, and the ports'
//! promises depend on that as well.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use leadfeed_tests::serve;
use serde_json::{Value, json};

use crate::wire::Upstream;

/// The values of version ids, by secret and id.
type Versions = HashMap<(String, String), String>;

/// Queries of tables that may return an older state: a customer's leads page by page, and its counters.
const LISTINGS: [&str; 2] = [
    "pk = :pk AND sk BETWEEN :oldest AND :newest",
    "pk = :pk AND begins_with(sk, :tally)",
];

#[derive(Clone)]
struct Strict {
    upstream: Upstream,
    versions: Arc<Mutex<Versions>>,
}

/// A proxy that refuses what AWS refuses, and reads that AWS may answer with old data, and forwards the rest.
pub async fn proxy(upstream: &str) -> anyhow::Result<String> {
    let strict = Strict {
        upstream: Upstream::new(upstream)?,
        versions: Arc::default(),
    };
    serve(Router::new().fallback(handle).with_state(strict)).await
}

async fn handle(
    State(strict): State<Strict>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|name| name.to_str().ok());
    let refusal = match target.and_then(|name| name.rsplit_once('.')) {
        Some(("secretsmanager", "PutSecretValue")) if strict.changes_stored_version(&body) => {
            json!({"__type": "ResourceExistsException", "Message": "the version has another value"})
        }
        Some(("DynamoDB_20120810", action)) if may_read_stale(action, &body) => {
            json!({"__type": "ValidationException", "message": "the read is not consistent"})
        }
        _ => return strict.upstream.forward(method, &uri, headers, body).await,
    };
    (StatusCode::BAD_REQUEST, refusal.to_string()).into_response()
}

/// Whether the request reads a table without consistency, although it needs it. An index is never consistent.
fn may_read_stale(action: &str, request: &[u8]) -> bool {
    let request: Value = serde_json::from_slice(request).unwrap();
    let is_consistent = |read: &Value| read["ConsistentRead"] == true;
    match action {
        "GetItem" | "Scan" => !is_consistent(&request),
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object().unwrap();
            !tables.values().all(is_consistent)
        }
        "Query" if request["IndexName"].is_string() => false,
        "Query" => {
            let query = request["KeyConditionExpression"].as_str();
            !is_consistent(&request) && !query.is_some_and(|query| LISTINGS.contains(&query))
        }
        _ => false,
    }
}

impl Strict {
    /// Whether the request names a version that already has another value.
    fn changes_stored_version(&self, request: &[u8]) -> bool {
        let request: Value = serde_json::from_slice(request).unwrap();
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        let version = (text("SecretId"), text("ClientRequestToken"));
        let value = text("SecretString");
        let mut versions = self.versions.lock().unwrap();
        *versions.entry(version).or_insert_with(|| value.clone()) != value
    }
}
