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

use crate::wire::Behind;

/// The values of version ids, by secret and id.
type Versions = HashMap<(String, String), String>;

/// Queries of tables that may return an older state: a customer's leads page by page, and its counters.
const LISTINGS: [&str; 2] = [
    "pk = :pk AND sk BETWEEN :oldest AND :newest",
    "pk = :pk AND begins_with(sk, :tally)",
];

#[derive(Clone)]
struct Strict {
    behind: Behind,
    versions: Arc<Mutex<Versions>>,
}

/// A proxy that refuses what AWS refuses, and reads that AWS may answer with old data, and passes on the rest.
pub async fn aws(behind: &str) -> anyhow::Result<String> {
    let strict = Strict {
        behind: Behind::at(behind)?,
        versions: Arc::default(),
    };
    serve(Router::new().fallback(answer).with_state(strict)).await
}

async fn answer(
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
        Some(("secretsmanager", "PutSecretValue")) if strict.is_other_value(&body) => {
            json!({"__type": "ResourceExistsException", "Message": "the version has another value"})
        }
        Some(("DynamoDB_20120810", action)) if may_be_behind(action, &body) => {
            json!({"__type": "ValidationException", "message": "the read asks for no consistency"})
        }
        _ => return strict.behind.answer(method, &uri, headers, body).await,
    };
    (StatusCode::BAD_REQUEST, refusal.to_string()).into_response()
}

/// Whether the request reads a table without consistency, although it needs it. An index is never consistent.
fn may_be_behind(action: &str, request: &[u8]) -> bool {
    let request: Value = serde_json::from_slice(request).unwrap();
    let asks = |read: &Value| read["ConsistentRead"] == true;
    match action {
        "GetItem" | "Scan" => !asks(&request),
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object().unwrap();
            !tables.values().all(asks)
        }
        "Query" if request["IndexName"].is_string() => false,
        "Query" => {
            let query = request["KeyConditionExpression"].as_str();
            !asks(&request) && !query.is_some_and(|query| LISTINGS.contains(&query))
        }
        _ => false,
    }
}

impl Strict {
    /// Whether the request names a version that already has another value.
    fn is_other_value(&self, request: &[u8]) -> bool {
        let request: Value = serde_json::from_slice(request).unwrap();
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        let version = (text("SecretId"), text("ClientRequestToken"));
        let value = text("SecretString");
        let mut versions = self.versions.lock().unwrap();
        *versions.entry(version).or_insert_with(|| value.clone()) != value
    }
}
