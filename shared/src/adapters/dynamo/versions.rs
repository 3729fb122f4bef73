//! Compatibility of rows: this version reads what the first one wrote, and the first one still reads what this one
//! writes, so that a version can be rolled out and back while leads come in.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::handshakes::HandshakeRow;
use super::idempotency::KeyRow;
use super::lead_row::{LeadRow, readable};
use super::links::LinkRow;
use super::table::{Item, read};
use crate::domain::connection::Connection;
use crate::domain::customer::Customer;
use crate::domain::form::Form;
use crate::domain::import::ImportJob;

/// A row as the first version wrote it, without what later versions added.
struct FirstVersionRow {
    what: &'static str,
    row: Value,
    /// Reads a row and writes it again.
    round_trip: fn(&Value) -> Result<Value, String>,
}

fn round_trip<T: Serialize + DeserializeOwned>(row: &Value) -> Result<Value, String> {
    let item = serde_dynamo::to_item(row).unwrap();
    let row: T = read(item).map_err(|error| format!("{error:?}"))?;
    let item: Map<String, Value> =
        serde_dynamo::from_item(serde_dynamo::to_item::<_, Item>(&row).unwrap()).unwrap();
    Ok(Value::Object(item))
}

fn first_rows() -> [FirstVersionRow; 8] {
    let (form, lead) = (
        "frm_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "lead_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    );
    let (list, at) = (
        "5e7b1a1c-0000-11ee-8c99-0242ac120002",
        "2026-11-23T09:30:00Z",
    );
    [
        FirstVersionRow {
            what: "a lead",
            row: json!({
                "lead": {
                    "id": lead, "customer": "engines", "form": form, "contact": {"email": "ada@example.com"},
                    "consent": {"statement": "Yes.", "version": 1, "given_at": at}, "received_at": at, "seal": "c2VhbA",
                },
                "state": {"status": "waiting", "why": "quota"},
                "attempts": 1,
                "timeline": [{"at": at, "status": "queued"}, {"at": at, "status": "waiting", "why": "quota"}],
                "received_at": 1_795_426_200_000_i64,
                "due_at": 1_795_478_400_000_i64,
                "due_shard": "lane#engines",
            }),
            round_trip: round_trip::<LeadRow>,
        },
        FirstVersionRow {
            what: "a customer",
            row: json!({"id": "engines", "name": "Engines", "brand": "Engines", "app": "default", "created_at": at}),
            round_trip: round_trip::<Customer>,
        },
        FirstVersionRow {
            what: "a form",
            row: json!({
                "id": form, "customer": "engines", "name": "News",
                "statements": [{"version": 1, "text": "Yes.", "since": at}],
                "consent_field": "consent", "lists": [list], "required": [], "mapped": {}, "constants": {},
                "allowed_origins": [], "return_url": null, "return_hosts": [], "webhook_generation": 1, "open": true,
                "created_at": at,
            }),
            round_trip: round_trip::<Form>,
        },
        FirstVersionRow {
            what: "a connection",
            row: json!({
                "customer": "engines", "app": "default", "stack": "here", "status": "active",
                "account": {"id": "a1", "name": "Engines"}, "lists": [list],
                "terms": {"accepted_at": at, "ip": null, "text": "Ours."},
                "catalog": {"lists": [{"id": list, "name": "News"}], "custom_fields": []},
                "generation": 3, "token_expires_at": at, "lease": null, "cooldown_until": null, "connected_at": at,
            }),
            round_trip: round_trip::<Connection>,
        },
        FirstVersionRow {
            what: "an import",
            row: json!({
                "id": "imp_01ARZ3NDEKTSV4RRFFQ69G5FAV", "customer": "engines", "lists": [list],
                "stage": {"stage": "running", "activity": list, "since": at}, "chunks": 1, "leads": 2, "bytes": 300,
                "tries": 0, "due_at": at, "revision": 2,
            }),
            round_trip: round_trip::<ImportJob>,
        },
        FirstVersionRow {
            what: "a link that was not used yet",
            row: json!({"until": at, "expires_at": 1_795_426_201}),
            round_trip: round_trip::<LinkRow>,
        },
        FirstVersionRow {
            what: "a handshake under way",
            row: json!({
                "customer": "engines", "app": "default", "browser": "b", "until": at, "expires_at": 1_795_426_201,
            }),
            round_trip: round_trip::<HandshakeRow>,
        },
        FirstVersionRow {
            what: "a claimed key",
            row: json!({
                "lead": lead, "content": "digest", "until": 1_795_426_200_000_i64, "ends": 1_795_426_200_000_i64,
                "expires_at": 1_795_426_201,
            }),
            round_trip: round_trip::<KeyRow>,
        },
    ]
}

/// Collects what is in `wanted` but missing from `written`, or has another value there.
fn missing(wanted: &Value, written: &Value, at: &str, into: &mut Vec<String>) {
    match (wanted, written) {
        (Value::Object(wanted), Value::Object(written)) => {
            for (name, wanted) in wanted {
                let at = format!("{at}.{name}");
                match written.get(name) {
                    Some(written) => missing(wanted, written, &at, into),
                    None => into.push(at),
                }
            }
        }
        (Value::Array(wanted), Value::Array(written)) if wanted.len() == written.len() => {
            for (wanted, written) in wanted.iter().zip(written) {
                missing(wanted, written, at, into);
            }
        }
        _ if wanted == written => {}
        _ => into.push(format!("{at}: {written} instead of {wanted}")),
    }
}

/// The row with an unknown attribute added to each of its objects.
fn with_unknown_attributes(row: &Value) -> Value {
    match row {
        Value::Object(members) => {
            let later = members
                .iter()
                .map(|(name, value)| (name.clone(), with_unknown_attributes(value)));
            let invented = ("invented".to_owned(), json!({"later": [1]}));
            Value::Object(later.chain([invented]).collect())
        }
        Value::Array(items) => items.iter().map(with_unknown_attributes).collect(),
        plain => plain.clone(),
    }
}

#[test]
fn rows_of_the_first_version_keep_all_their_attributes_when_rewritten() {
    for FirstVersionRow {
        what,
        row,
        round_trip,
    } in first_rows()
    {
        let written = round_trip(&row).unwrap_or_else(|error| panic!("{what}: {error}"));

        let mut lost = Vec::new();
        missing(&row, &written, what, &mut lost);
        assert_eq!(lost, [""; 0]);
    }
}

#[test]
fn unknown_attributes_of_a_later_version_are_ignored() {
    for FirstVersionRow {
        what,
        row,
        round_trip,
    } in first_rows()
    {
        let texts = ["mapped", "constants"]; // maps of the customer's own texts accept any key
        let mut later = with_unknown_attributes(&row);
        for name in texts.iter().filter(|name| !row[**name].is_null()) {
            later[*name] = row[*name].clone();
        }

        assert_eq!(round_trip(&later), round_trip(&row), "{what}");
    }
}

#[test]
fn lead_with_an_unknown_wait_reason_is_skipped_and_others_are_read() {
    let [FirstVersionRow { row: good, .. }, ..] = first_rows();
    let mut unknown = good.clone();
    unknown["state"]["why"] = "invented".into();
    unknown["lead"]["id"] = "lead_01ARZ3NDEKTSV4RRFFQ69G5FAW".into();
    let items = [&unknown, &good].map(|row| serde_dynamo::to_item::<_, Item>(row).unwrap());

    let read: Vec<_> = readable(items.into()).collect();

    let [record] = read.as_slice() else {
        panic!("{read:?}")
    };
    assert_eq!(record.lead.id.as_str(), good["lead"]["id"]);
}
