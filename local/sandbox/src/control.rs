//! The control API under `/_sandbox`: what tests can see and do but no client can.

mod people;
mod world;

pub use world::{Mint, Minted, mint_tokens};

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State, rejection::JsonRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::journal::Filter;
use crate::lab::Shared;
use crate::settings::Settings;

type Body<T> = Result<Json<T>, JsonRejection>;
/// A control call's answer, or why it made no sense.
type Answer = Result<Json<Value>, Refused>;

/// Control errors are plain and say what is wrong.
pub struct Refused(pub StatusCode, pub String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<JsonRejection> for Refused {
    fn from(rejection: JsonRejection) -> Self {
        Self(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

fn not_found(what: &str) -> Refused {
    Refused(StatusCode::NOT_FOUND, format!("{what} not found"))
}

pub fn routes(shared: &Shared) -> Router {
    Router::new()
        .route("/_sandbox/journal", get(journal).delete(clear_journal))
        .route(
            "/_sandbox/faults",
            get(faults).post(add_fault).delete(clear_faults),
        )
        .route("/_sandbox/faults/{id}", delete(remove_fault))
        .route("/_sandbox/clock", get(clock).post(move_clock))
        .route("/_sandbox/settings", get(settings).patch(change_settings))
        .route("/_sandbox/reset", post(world::reset))
        .route("/_sandbox/apps", get(world::apps).post(world::add_app))
        .route(
            "/_sandbox/apps/{client_id}",
            axum::routing::patch(world::change_app),
        )
        .route(
            "/_sandbox/apps/{client_id}/secret",
            post(world::rotate_secret),
        )
        .route("/_sandbox/revocations", post(world::revoke))
        .route("/_sandbox/tokens", post(world::mint))
        .route("/_sandbox/accounts", get(people::accounts))
        .route(
            "/_sandbox/accounts/{account}",
            axum::routing::patch(people::change_account),
        )
        .route("/_sandbox/accounts/{account}/lists", get(people::lists))
        .route(
            "/_sandbox/accounts/{account}/lists/{list}",
            delete(people::delete_list),
        )
        .route(
            "/_sandbox/accounts/{account}/contacts",
            get(people::contacts).post(people::seed_contact),
        )
        .route(
            "/_sandbox/accounts/{account}/contacts/{contact}/{act}",
            post(people::act_on_contact),
        )
        .route(
            "/_sandbox/accounts/{account}/import_endings",
            post(people::end_imports),
        )
        .with_state(shared.clone())
}

async fn journal(State(shared): State<Shared>, Query(filter): Query<Filter>) -> Json<Value> {
    let lab = shared.lab();
    let hits = lab.journal.matching(&filter);
    Json(json!({ "count": hits.len(), "entries": hits }))
}

async fn clear_journal(State(shared): State<Shared>) -> StatusCode {
    shared.lab().journal.clear();
    StatusCode::NO_CONTENT
}

async fn faults(State(shared): State<Shared>) -> Json<Value> {
    let lab = shared.lab();
    let rules = lab.faults.rules().iter();
    let view = rules.map(|(id, fault)| json!({ "id": id, "fault": fault }));
    Json(view.collect())
}

async fn add_fault(State(shared): State<Shared>, fault: Body<Fault>) -> Answer {
    let Json(fault) = fault?;
    let id = shared.lab().faults.add(fault);
    Ok(Json(json!({ "id": id })))
}

async fn clear_faults(State(shared): State<Shared>) -> StatusCode {
    shared.lab().faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(
    State(shared): State<Shared>,
    Path(id): Path<u64>,
) -> Result<StatusCode, Refused> {
    let removed = shared.lab().faults.remove(id);
    if removed {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_found("fault"))
    }
}

/// Moves the clock: by a duration, or to a time.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ClockMove {
    AdvanceMs(i64),
    AdvanceSeconds(i64),
    Set(Timestamp),
}

async fn clock(State(shared): State<Shared>) -> Json<Value> {
    let offset_ms = shared.clock.offset().as_millis();
    Json(json!({ "now": shared.clock.now(), "offset_ms": offset_ms }))
}

async fn move_clock(State(shared): State<Shared>, to: Body<ClockMove>) -> Answer {
    match to?.0 {
        ClockMove::AdvanceMs(ms) => shared.clock.advance(SignedDuration::from_millis(ms)),
        ClockMove::AdvanceSeconds(secs) => shared.clock.advance(SignedDuration::from_secs(secs)),
        ClockMove::Set(at) => shared.clock.set(at),
    }
    shared.with_world(|_, _| ());
    Ok(clock(State(shared)).await)
}

async fn settings(State(shared): State<Shared>) -> Json<Settings> {
    Json(shared.lab().settings.clone())
}

/// Changes the properties given; `readings` likewise, one by one.
async fn change_settings(State(shared): State<Shared>, patch: Body<Value>) -> Answer {
    let Json(patch) = patch?;
    let mut lab = shared.lab();
    let wrong = |error: serde_json::Error| Refused(StatusCode::BAD_REQUEST, error.to_string());
    let mut whole = serde_json::to_value(&lab.settings).map_err(wrong)?;
    merge(&mut whole, patch);
    lab.settings = serde_json::from_value(whole.clone()).map_err(wrong)?;
    Ok(Json(whole))
}

/// JSON merge, RFC 7396 without deletion.
fn merge(into: &mut Value, patch: Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch,
    }
}
