//! AWS as strict as it is. MiniStack takes a version id a second time with another value and puts that in the place of the
//! first; AWS refuses it, and the vault's promise rests on that. MiniStack answers every read of a table with what is there;
//! AWS may answer one that does not ask for consistency with what was there before, and what the ports promise rests on
//! that as well.

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

/// Queries of tables that may answer with what was there before: a customer's leads page by page, and its counters.
const LISTINGS: [&str; 2] = [
    "pk = :pk AND sk BETWEEN :oldest AND :newest",
    "pk = :pk AND begins_with(sk, :tally)",
];

#[derive(Clone)]
struct Strict {
    behind: Behind,
    versions: Arc<Mutex<Versions>>,
}

/// An endpoint that refuses what AWS refuses, or may answer wrongly, and passes on the rest.
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

/// Whether the request reads a table, and neither asks for consistency nor is one that need not. An index is never
/// consistent.
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
