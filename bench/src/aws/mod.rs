//! A stub of AWS and Constant Contact that answers at once: all that the functions call while they are measured, with a
//! count of the calls.
//!
//! It stores rows and secrets, and every condition holds. While it is frozen, a change is answered with the row as it
//! would be but not stored, so that every invocation of a measurement finds the same state.

mod answers;
mod row;
mod units;

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use leadfeed_shared::locked;
use serde_json::{Map, Value};
use tokio::net::TcpListener;

pub use self::units::Units;

/// The table of customers, forms and connections.
pub const DIRECTORY: &str = "directory";
/// The table of leads.
pub const LEDGER: &str = "ledger";

/// A row as DynamoDB writes it.
type Item = Map<String, Value>;

/// The requests of one operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many there were.
    pub requests: u64,
    /// What DynamoDB would bill for them.
    pub units: Units,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.units += other.units;
    }
}

/// By service and operation, such as `DynamoDB GetItem`.
pub type Counts = BTreeMap<String, Usage>;

#[derive(Debug, Default)]
struct StubState {
    rows: HashMap<Key, Item>,
    secrets: HashMap<String, String>,
    counts: Counts,
    frozen: bool,
}

/// Table, `pk` and `sk`.
type Key = (String, String, String);

impl StubState {
    fn store(&mut self, key: Key, row: Item) {
        if !self.frozen {
            self.rows.insert(key, row);
        }
    }
}

type Shared = Arc<Mutex<StubState>>;

/// The running stub.
#[derive(Debug)]
pub struct Aws {
    /// The URL on which it listens.
    pub url: String,
    state: Shared,
}

impl Aws {
    /// Listens on a free port for the rest of the program.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Shared::default();
        let service = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, service).await });
        Ok(Self { url, state })
    }

    /// Whether changes are dropped from now on.
    pub fn set_frozen(&self, frozen: bool) {
        locked(&self.state).frozen = frozen;
    }

    /// The requests since the last call of this.
    pub fn take_counts(&self) -> Counts {
        std::mem::take(&mut locked(&self.state).counts)
    }

    /// Sets text attributes of an existing row.
    pub fn set_texts(&self, table: &str, pk: &str, sk: &str, texts: &[(&str, &str)]) {
        let key = (table.to_owned(), pk.to_owned(), sk.to_owned());
        if let Some(row) = locked(&self.state).rows.get_mut(&key) {
            let texts = texts.iter().copied();
            row.extend(texts.map(|(name, text)| (name.to_owned(), row::text(text))));
        }
    }
}

async fn answer(
    State(state): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .and_then(|target| target.split_once('.'));
    let request = serde_json::from_str(&body).unwrap_or(Value::Null);
    let mut state = locked(&state);
    let (name, reply) = match target {
        Some((service, operation)) => {
            let reply = answers::aws(&mut state, operation, &request);
            (format!("{} {operation}", service_name(service)), reply)
        }
        None => (
            format!("Constant Contact {}", uri.path()),
            answers::constant_contact(uri.path(), &request),
        ),
    };
    let Some(reply) = reply else {
        return (StatusCode::NOT_IMPLEMENTED, name).into_response();
    };
    *state.counts.entry(name).or_default() += Usage {
        requests: 1,
        units: reply.units,
    };
    (reply.status, axum::Json(reply.body)).into_response()
}

fn service_name(target: &str) -> &str {
    match target {
        "AmazonSQS" => "SQS",
        "secretsmanager" => "Secrets Manager",
        "AWSEvents" => "EventBridge",
        _ => "DynamoDB",
    }
}
