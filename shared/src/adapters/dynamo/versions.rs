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
struct First {
    what: &'static str,
    row: Value,
    /// Reads a row and writes it again.
    again: fn(&Value) -> Result<Value, String>,
}

fn again<T: Serialize + DeserializeOwned>(row: &Value) -> Result<Value, String> {
    let item = serde_dynamo::to_item(row).unwrap();
    let row: T = read(item).map_err(|error| format!("{error:?}"))?;
    let item: Map<String, Value> =
        serde_dynamo::from_item(serde_dynamo::to_item::<_, Item>(&row).unwrap()).unwrap();
    Ok(Value::Object(item))
}

fn first_rows() -> [First; 8] {
    let (form, lead) = (
        "frm_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "lead_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    );
    let (list, at) = (
        "5e7b1a1c-0000-11ee-8c99-0242ac120002",
        "2026-11-23T09:30:00Z",
    );
    [
        First {
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
            again: again::<LeadRow>,
        },
        First {
            what: "a customer",
            row: json!({"id": "engines", "name": "Engines", "brand": "Engines", "app": "default", "created_at": at}),
            again: again::<Customer>,
        },
        First {
            what: "a form",
            row: json!({
                "id": form, "customer": "engines", "name": "News",
                "statements": [{"version": 1, "text": "Yes.", "since": at}],
                "consent_field": "consent", "lists": [list], "required": [], "mapped": {}, "constants": {},
                "allowed_origins": [], "return_url": null, "return_hosts": [], "webhook_generation": 1, "open": true,
                "created_at": at,
            }),
            again: again::<Form>,
        },
        First {
            what: "a connection",
            row: json!({
                "customer": "engines", "app": "default", "stack": "here", "status": "active",
                "account": {"id": "a1", "name": "Engines"}, "lists": [list],
                "terms": {"accepted_at": at, "ip": null, "text": "Ours."},
                "catalog": {"lists": [{"id": list, "name": "News"}], "custom_fields": []},
                "generation": 3, "token_expires_at": at, "lease": null, "cooldown_until": null, "connected_at": at,
            }),
            again: again::<Connection>,
        },
        First {
            what: "an import",
            row: json!({
                "id": "imp_01ARZ3NDEKTSV4RRFFQ69G5FAV", "customer": "engines", "lists": [list],
                "stage": {"stage": "running", "activity": list, "since": at}, "chunks": 1, "leads": 2, "bytes": 300,
                "tries": 0, "due_at": at, "revision": 2,
            }),
            again: again::<ImportJob>,
        },
        First {
            what: "a link that was not used yet",
            row: json!({"until": at, "expires_at": 1_795_426_201}),
            again: again::<LinkRow>,
        },
        First {
            what: "a handshake under way",
            row: json!({
                "customer": "engines", "app": "default", "browser": "b", "until": at, "expires_at": 1_795_426_201,
            }),
            again: again::<HandshakeRow>,
        },
        First {
            what: "a claimed key",
            row: json!({
                "lead": lead, "content": "digest", "until": 1_795_426_200_000_i64, "ends": 1_795_426_200_000_i64,
                "expires_at": 1_795_426_201,
            }),
            again: again::<KeyRow>,
        },
    ]
}

/// What is in `wanted` but missing from `written`, or has another value there.
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

/// The row with an attribute added to each of its objects that no version knows yet.
fn of_later(row: &Value) -> Value {
    match row {
        Value::Object(members) => {
            let later = members
                .iter()
                .map(|(name, value)| (name.clone(), of_later(value)));
            let invented = ("invented".to_owned(), json!({"later": [1]}));
            Value::Object(later.chain([invented]).collect())
        }
        Value::Array(items) => items.iter().map(of_later).collect(),
        plain => plain.clone(),
    }
}

#[test]
fn rows_of_the_first_version_are_read_and_written_so_that_it_could_read_them() {
    for First { what, row, again } in first_rows() {
        let written = again(&row).unwrap_or_else(|error| panic!("{what}: {error}"));

        let mut lost = Vec::new();
        missing(&row, &written, what, &mut lost);
        assert_eq!(lost, [""; 0]);
    }
}

#[test]
fn rows_of_a_later_version_are_read_as_far_as_they_are_understood() {
    for First { what, row, again } in first_rows() {
        let texts = ["mapped", "constants"]; // maps of the customer's own words accept any key
        let mut later = of_later(&row);
        for name in texts.iter().filter(|name| !row[**name].is_null()) {
            later[*name] = row[*name].clone();
        }

        assert_eq!(again(&later), again(&row), "{what}");
    }
}

#[test]
fn a_lead_that_waits_for_what_a_later_version_invented_costs_no_other() {
    let [First { row: good, .. }, ..] = first_rows();
    let mut odd = good.clone();
    odd["state"]["why"] = "invented".into();
    odd["lead"]["id"] = "lead_01ARZ3NDEKTSV4RRFFQ69G5FAW".into();
    let items = [&odd, &good].map(|row| serde_dynamo::to_item::<_, Item>(row).unwrap());

    let read: Vec<_> = readable(items.into()).collect();

    let [record] = read.as_slice() else {
        panic!("{read:?}")
    };
    assert_eq!(record.lead.id.as_str(), good["lead"]["id"]);
}
