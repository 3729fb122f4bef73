//! The stub's answer to each operation.

use axum::http::StatusCode;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::row;
use super::units::Units;
use super::{Item, Key, World};

/// An answer, with what DynamoDB would bill for it.
pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    pub(super) units: Units,
}

fn told(body: Value) -> Option<Told> {
    billed(body, Units::default())
}

fn billed(body: Value, units: Units) -> Option<Told> {
    let status = StatusCode::OK;
    Some(Told {
        status,
        body,
        units,
    })
}

/// `None` for an operation that no measured program uses.
pub(super) fn aws(world: &mut World, operation: &str, asked: &Value) -> Option<Told> {
    match operation {
        "GetItem" => get(world, asked),
        "BatchGetItem" => batch_get(world, asked),
        "PutItem" => put(world, asked),
        "UpdateItem" => update(world, asked),
        "Query" => billed(
            json!({"Items": [], "Count": 0, "ScannedCount": 0}),
            Units::of_read(0, asked["ConsistentRead"] == true),
        ),
        "SendMessageBatch" => send(asked),
        "GetQueueAttributes" => told(json!({"Attributes": {"ApproximateNumberOfMessages": "0"}})),
        "GetSecretValue" => secret(world, asked),
        "PutSecretValue" | "CreateSecret" => keep_secret(world, asked),
        "DescribeSecret" => told(json!({"VersionIdsToStages": {"1": ["AWSCURRENT"]}})),
        "PutEvents" => told(json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})),
        _ => None,
    }
}

pub(super) fn constant_contact(path: &str, asked: &Value) -> Option<Told> {
    asked["email_address"].as_str()?;
    let contact = "5e7b1a1c-0000-11ee-8c99-0242ac120001";
    path.ends_with("/contacts/sign_up_form")
        .then(|| told(json!({"contact_id": contact, "action": "created"})))?
}

fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn key(table: &str, item: &Value) -> Key {
    let part = |name: &str| text_of(&item[name], "S").to_owned();
    (table.to_owned(), part("pk"), part("sk"))
}

fn get(world: &World, asked: &Value) -> Option<Told> {
    let row = world
        .rows
        .get(&key(text_of(asked, "TableName"), &asked["Key"]));
    let size = row.map_or(0, row::size);
    let units = Units::of_read(size, asked["ConsistentRead"] == true);
    billed(row.map_or(json!({}), |row| json!({"Item": row})), units)
}

fn batch_get(world: &World, asked: &Value) -> Option<Told> {
    let mut units = Units::default();
    let mut answers = serde_json::Map::new();
    for (table, request) in asked["RequestItems"].as_object()? {
        let mut found = Vec::new();
        for wanted in request["Keys"].as_array()? {
            let row = world.rows.get(&key(table, wanted));
            let size = row.map_or(0, row::size);
            units += Units::of_read(size, request["ConsistentRead"] == true);
            found.extend(row.cloned().map(Value::Object));
        }
        answers.insert(table.clone(), Value::Array(found));
    }
    billed(json!({"Responses": answers, "UnprocessedKeys": {}}), units)
}

fn put(world: &mut World, asked: &Value) -> Option<Told> {
    let table = text_of(asked, "TableName");
    let row: Item = asked["Item"].as_object()?.clone();
    let units = Units::of_write(table, None, Some(&row));
    world.keep(key(table, &asked["Item"]), row);
    billed(json!({}), units)
}

fn update(world: &mut World, asked: &Value) -> Option<Told> {
    let table = text_of(asked, "TableName");
    let key = key(table, &asked["Key"]);
    let old = world.rows.get(&key);
    let new = row::updated(old.unwrap_or(asked["Key"].as_object()?), asked);
    let units = Units::of_write(table, old, Some(&new));
    world.keep(key, new.clone());
    let body = if asked["ReturnValues"] == "ALL_NEW" {
        json!({"Attributes": new})
    } else {
        json!({})
    };
    billed(body, units)
}

fn send(asked: &Value) -> Option<Told> {
    let sent = asked["Entries"].as_array()?.iter();
    let sent: Vec<_> = sent
        .map(|entry| {
            let digest = hex::encode(Md5::digest(text_of(entry, "MessageBody")));
            json!({"Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": digest})
        })
        .collect();
    told(json!({"Successful": sent, "Failed": []}))
}

fn secret(world: &World, asked: &Value) -> Option<Told> {
    let id = text_of(asked, "SecretId");
    if let Some(value) = world.secrets.get(id) {
        return told(json!({"Name": id, "SecretString": value, "VersionId": "1"}));
    }
    let body = json!({"__type": "ResourceNotFoundException", "message": "no such secret"});
    Some(Told {
        status: StatusCode::BAD_REQUEST,
        body,
        units: Units::default(),
    })
}

fn keep_secret(world: &mut World, asked: &Value) -> Option<Told> {
    let id = [text_of(asked, "SecretId"), text_of(asked, "Name")].concat();
    let value = text_of(asked, "SecretString").to_owned();
    world.secrets.insert(id.clone(), value);
    told(json!({"Name": id, "VersionId": "1"}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_was_put_is_got_and_billed_by_its_size() {
        let mut world = World::default();
        let item = json!({"pk": {"S": "A"}, "sk": {"S": "B"}, "text": {"S": "x".repeat(5_000)}});
        let wrote = aws(
            &mut world,
            "PutItem",
            &json!({"TableName": "directory", "Item": item}),
        );
        assert_eq!(wrote.unwrap().units.write, 5);

        let key = json!({"pk": {"S": "A"}, "sk": {"S": "B"}});
        let asked = json!({"TableName": "directory", "Key": key, "ConsistentRead": true});
        let read = aws(&mut world, "GetItem", &asked).unwrap();

        assert_eq!(read.body["Item"], item);
        assert_eq!(read.units.half_reads, 4);
    }

    #[test]
    fn every_message_of_a_batch_is_taken_with_its_digest() {
        let asked = json!({"Entries": [{"Id": "0", "MessageBody": "a"}, {"Id": "1"}]});

        let taken = aws(&mut World::default(), "SendMessageBatch", &asked).unwrap();

        let sent = &taken.body["Successful"];
        assert_eq!(sent.as_array().unwrap().len(), 2);
        assert_eq!(
            sent[0]["MD5OfMessageBody"],
            "0cc175b9c0f1b6a831c399e269772661"
        );
    }

    #[test]
    fn an_operation_nobody_is_measured_with_is_not_answered() {
        assert!(aws(&mut World::default(), "DeleteTable", &json!({})).is_none());
    }
}
