//! An AWS that answers at once: what the functions ask for while they are measured, and a count of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The name of the table that holds the form.
pub const DIRECTORY: &str = "directory";

/// Requests by their operation, such as `DynamoDB GetItem`.
pub type Counts = BTreeMap<String, u32>;

/// The running stand-in.
#[derive(Debug)]
pub struct Aws {
    /// Where it listens.
    pub url: String,
    counts: Arc<Mutex<Counts>>,
}

impl Aws {
    /// Listens on a free port for the rest of the program.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let counts = Arc::new(Mutex::default());
        let service = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&counts));
        tokio::spawn(async move { axum::serve(listener, service).await });
        Ok(Self { url, counts })
    }

    /// What was asked since the last time this was.
    pub fn take_counts(&self) -> Counts {
        std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn answer(
    State(counts): State<Arc<Mutex<Counts>>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok());
    let asked = serde_json::from_str(&body).unwrap_or(Value::Null);
    let Some(((service, operation), reply)) = target
        .and_then(|target| target.split_once('.'))
        .and_then(|target| Some((target, reply(target.1, &asked)?)))
    else {
        return StatusCode::NOT_IMPLEMENTED.into_response();
    };
    let service = match service {
        "AmazonSQS" => "SQS",
        "secretsmanager" => "Secrets Manager",
        _ => "DynamoDB",
    };
    *counts
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(format!("{service} {operation}"))
        .or_default() += 1;
    reply.into_response()
}

fn reply(operation: &str, asked: &Value) -> Option<(StatusCode, Json<Value>)> {
    let done = |reply| Some((StatusCode::OK, Json(reply)));
    match operation {
        "GetSecretValue" => done(json!({"Name": asked["SecretId"], "SecretString": secret(asked)})),
        "DescribeSecret" => done(json!({"VersionIdsToStages": {"1": ["AWSCURRENT"]}})),
        "GetItem" if asked["TableName"] == DIRECTORY => {
            done(json!({"Item": attribute(&form())["M"]}))
        }
        "GetItem" | "PutItem" => done(json!({})),
        "Query" => done(json!({"Items": [], "Count": 0, "ScannedCount": 0})),
        // Whatever a drain is asked to claim is gone.
        "UpdateItem" => {
            let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
            Some((StatusCode::BAD_REQUEST, Json(json!({"__type": kind}))))
        }
        "GetQueueAttributes" => done(json!({"Attributes": {"ApproximateNumberOfMessages": "0"}})),
        "SendMessageBatch" => {
            let sent = asked["Entries"].as_array()?.iter();
            let sent: Vec<_> = sent
                .map(|entry| json!({"Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": "0"}))
                .collect();
            done(json!({"Successful": sent, "Failed": []}))
        }
        _ => None,
    }
}

/// The admin token is that of the sample events.
fn secret(asked: &Value) -> String {
    match asked["SecretId"].as_str() {
        Some(id) if id.ends_with("/keys/admin") => "test-admin-token".to_owned(),
        _ => "k".repeat(64),
    }
}

/// The form that the sample events post to, as the directory keeps it.
fn form() -> Value {
    json!({
        "pk": "FORM#frm_01ARZ3NDEKTSV4RRFFQ69G5FAV", "sk": "FORM", "owner": "CUSTOMER#engines",
        "id": "frm_01ARZ3NDEKTSV4RRFFQ69G5FAV", "customer": "engines", "name": "Newsletter",
        "statements": [{"version": 1, "since": "2026-11-01T00:00:00Z",
            "text": "Analytical Engines may send me its newsletter. I can leave at any time."}],
        "consent_field": "consent", "lists": [], "required": [], "mapped": {}, "constants": {},
        "allowed_origins": ["https://engines.example"], "return_url": null, "return_hosts": [],
        "webhook_generation": 1, "open": true, "created_at": "2026-11-01T00:00:00Z",
    })
}

/// A value as DynamoDB writes it.
fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({"NULL": true}),
        Value::Bool(truth) => json!({"BOOL": truth}),
        Value::Number(number) => json!({"N": number.to_string()}),
        Value::String(text) => json!({"S": text}),
        Value::Array(values) => json!({"L": values.iter().map(attribute).collect::<Vec<_>>()}),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), attribute(value)));
            json!({"M": fields.collect::<serde_json::Map<_, _>>()})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_attributes() {
        let document = json!({"open": true, "lists": [1, "a"], "gone": null});

        let expected = json!({"M": {"open": {"BOOL": true}, "lists": {"L": [{"N": "1"}, {"S": "a"}]}, "gone": {"NULL": true}}});
        assert_eq!(attribute(&document), expected);
    }

    #[test]
    fn every_message_of_a_batch_is_taken() {
        let asked = json!({"Entries": [{"Id": "0"}, {"Id": "1"}]});

        let (_, Json(taken)) = reply("SendMessageBatch", &asked).unwrap();

        assert_eq!(taken["Successful"][1]["Id"], "1");
        assert_eq!(taken["Successful"].as_array().unwrap().len(), 2);
    }
}
