//! The stub's answer to each operation.

use axum::http::StatusCode;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::row;
use super::units::Units;
use super::{Item, Key, StubState};

/// An answer, with what DynamoDB would bill for it.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    pub(super) units: Units,
}

fn unbilled(body: Value) -> Option<Answer> {
    billed(body, Units::default())
}

fn billed(body: Value, units: Units) -> Option<Answer> {
    let status = StatusCode::OK;
    Some(Answer {
        status,
        body,
        units,
    })
}

/// `None` for an operation that no measured program uses.
pub(super) fn aws(state: &mut StubState, operation: &str, request: &Value) -> Option<Answer> {
    match operation {
        "GetItem" => get(state, request),
        "BatchGetItem" => batch_get(state, request),
        "PutItem" => put(state, request),
        "UpdateItem" => update(state, request),
        "Query" => billed(
            json!({"Items": [], "Count": 0, "ScannedCount": 0}),
            Units::of_read(0, request["ConsistentRead"] == true),
        ),
        "SendMessageBatch" => send(request),
        "GetQueueAttributes" => {
            unbilled(json!({"Attributes": {"ApproximateNumberOfMessages": "0"}}))
        }
        "GetSecretValue" => secret(state, request),
        "PutSecretValue" | "CreateSecret" => store_secret(state, request),
        "DescribeSecret" => unbilled(json!({"VersionIdsToStages": {"1": ["AWSCURRENT"]}})),
        "PutEvents" => unbilled(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})),
        _ => None,
    }
}

pub(super) fn constant_contact(path: &str, request: &Value) -> Option<Answer> {
    request["email_address"].as_str()?;
    let contact = "5e7b1a1c-0000-11ee-8c99-0242ac120001";
    path.ends_with("/contacts/sign_up_form")
        .then(|| unbilled(json!({"contact_id": contact, "action": "created"})))?
}

fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn key(table: &str, item: &Value) -> Key {
    let part = |name: &str| text_of(&item[name], "S").to_owned();
    (table.to_owned(), part("pk"), part("sk"))
}

fn get(state: &StubState, request: &Value) -> Option<Answer> {
    let row = state
        .rows
        .get(&key(text_of(request, "TableName"), &request["Key"]));
    let size = row.map_or(0, row::size);
    let units = Units::of_read(size, request["ConsistentRead"] == true);
    billed(row.map_or(json!({}), |row| json!({"Item": row})), units)
}

fn batch_get(state: &StubState, request: &Value) -> Option<Answer> {
    let mut units = Units::default();
    let mut responses = serde_json::Map::new();
    for (table, table_request) in request["RequestItems"].as_object()? {
        let mut found = Vec::new();
        for wanted in table_request["Keys"].as_array()? {
            let row = state.rows.get(&key(table, wanted));
            let size = row.map_or(0, row::size);
            units += Units::of_read(size, table_request["ConsistentRead"] == true);
            found.extend(row.cloned().map(Value::Object));
        }
        responses.insert(table.clone(), Value::Array(found));
    }
    billed(
        json!({"Responses": responses, "UnprocessedKeys": {}}),
        units,
    )
}

fn put(state: &mut StubState, request: &Value) -> Option<Answer> {
    let table = text_of(request, "TableName");
    let row: Item = request["Item"].as_object()?.clone();
    let units = Units::of_write(table, None, Some(&row));
    state.store(key(table, &request["Item"]), row);
    billed(json!({}), units)
}

fn update(state: &mut StubState, request: &Value) -> Option<Answer> {
    let table = text_of(request, "TableName");
    let key = key(table, &request["Key"]);
    let old = state.rows.get(&key);
    let new = row::updated(old.unwrap_or(request["Key"].as_object()?), request);
    let units = Units::of_write(table, old, Some(&new));
    state.store(key, new.clone());
    let body = if request["ReturnValues"] == "ALL_NEW" {
        json!({"Attributes": new})
    } else {
        json!({})
    };
    billed(body, units)
}

fn send(request: &Value) -> Option<Answer> {
    let sent = request["Entries"].as_array()?.iter();
    let sent: Vec<_> = sent
        .map(|entry| {
            let digest = hex::encode(Md5::digest(text_of(entry, "MessageBody")));
            json!({"Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": digest})
        })
        .collect();
    unbilled(json!({"Successful": sent, "Failed": []}))
}

fn secret(state: &StubState, request: &Value) -> Option<Answer> {
    let id = text_of(request, "SecretId");
    if let Some(value) = state.secrets.get(id) {
        return unbilled(json!({"Name": id, "SecretString": value, "VersionId": "1"}));
    }
    let body = json!({"__type": "ResourceNotFoundException", "message": "no such secret"});
    Some(Answer {
        status: StatusCode::BAD_REQUEST,
        body,
        units: Units::default(),
    })
}

fn store_secret(state: &mut StubState, request: &Value) -> Option<Answer> {
    let id = [text_of(request, "SecretId"), text_of(request, "Name")].concat();
    let value = text_of(request, "SecretString").to_owned();
    state.secrets.insert(id.clone(), value);
    unbilled(json!({"Name": id, "VersionId": "1"}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_can_be_put_and_read_and_are_billed_by_size() {
        let mut state = StubState::default();
        let item = json!({"pk": {"S": "A"}, "sk": {"S": "B"}, "text": {"S": "x".repeat(5_000)}});
        let put_answer = aws(
            &mut state,
            "PutItem",
            &json!({"TableName": "directory", "Item": item}),
        );
        assert_eq!(put_answer.unwrap().units.write, 5);

        let key = json!({"pk": {"S": "A"}, "sk": {"S": "B"}});
        let request = json!({"TableName": "directory", "Key": key, "ConsistentRead": true});
        let get_answer = aws(&mut state, "GetItem", &request).unwrap();

        assert_eq!(get_answer.body["Item"], item);
        assert_eq!(get_answer.units.half_reads, 4);
    }

    #[test]
    fn send_message_batch_accepts_every_message_and_returns_its_md5() {
        let request = json!({"Entries": [{"Id": "0", "MessageBody": "a"}, {"Id": "1"}]});

        let answer = aws(&mut StubState::default(), "SendMessageBatch", &request).unwrap();

        let sent = &answer.body["Successful"];
        assert_eq!(sent.as_array().unwrap().len(), 2);
        assert_eq!(
            sent[0]["MD5OfMessageBody"],
            "0cc175b9c0f1b6a831c399e269772661"
        );
    }

    #[test]
    fn unsupported_operation_gets_no_answer() {
        assert!(aws(&mut StubState::default(), "DeleteTable", &json!({})).is_none());
    }
}
