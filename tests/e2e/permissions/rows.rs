//! What only time would do to the tables.

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use leadfeed_local::STACK;
use serde_json::{Value, json};

use crate::scene::the_stack;

/// Brings forward the moment at which the scheduler looks after a lead.
pub async fn make_lead_due(lead: &str) -> Result<()> {
    let table = the_stack().deployment().output("LedgerTable")?;
    let query = json!({
        "TableName": table,
        "IndexName": "by_lead",
        "KeyConditionExpression": "sk = :lead",
        "ExpressionAttributeValues": {":lead": {"S": lead}},
    });
    let found = dynamodb("Query", &query).await?;
    let key = &found["Items"][0];
    let update = json!({
        "TableName": table,
        "Key": {"pk": key["pk"], "sk": key["sk"]},
        "UpdateExpression": "SET due_at = :now",
        "ConditionExpression": "attribute_exists(due_at)",
        "ExpressionAttributeValues": {":now": {"N": "0"}},
    });
    dynamodb("UpdateItem", &update).await.map(drop)
}

/// Lets a connection look as if nobody had used it for two months.
pub async fn make_token_old(customer: &str) -> Result<()> {
    let old = two_months_ago();
    let update = json!({
        "TableName": the_stack().deployment().output("DirectoryTable")?,
        "Key": connection(customer),
        "UpdateExpression": "SET token_expires_at = :old, #owner = :month",
        "ConditionExpression": "attribute_exists(#owner)",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": {
            ":old": {"S": old.to_string()},
            ":month": {"S": format!("connections#{}", old.strftime("%Y-%m"))},
        },
    });
    dynamodb("UpdateItem", &update).await.map(drop)
}

/// Whether it looks so still.
pub async fn has_old_token(customer: &str) -> Result<bool> {
    let get = json!({
        "TableName": the_stack().deployment().output("DirectoryTable")?,
        "Key": connection(customer),
    });
    let found = dynamodb("GetItem", &get).await?;
    let expires_at = found["Item"]["token_expires_at"]["S"]
        .as_str()
        .context("no connection")?;
    Ok(expires_at.parse::<Timestamp>()? < Timestamp::now())
}

/// Leaves a customer's counters of today as a drain does that ended before it could settle them.
pub async fn unsettle_counters(customer: &str) -> Result<()> {
    let mut row = counters(customer);
    row["owner"] = json!({"S": "unsettled"});
    row["touched_at"] = json!({"N": "0"});
    row["revision"] = json!({"N": "1"});
    let put = json!({"TableName": the_stack().deployment().output("DirectoryTable")?, "Item": row});
    dynamodb("PutItem", &put).await.map(drop)
}

/// Whether somebody has counted anew since.
pub async fn has_settled_counters(customer: &str) -> Result<bool> {
    let get = json!({
        "TableName": the_stack().deployment().output("DirectoryTable")?,
        "Key": counters(customer),
    });
    let found = dynamodb("GetItem", &get).await?;
    Ok(found["Item"]["owner"].is_null())
}

fn counters(customer: &str) -> Value {
    let today = Timestamp::now().strftime("%Y-%m-%d");
    json!({"pk": {"S": format!("CUSTOMER#{customer}")}, "sk": {"S": format!("TALLY#{today}")}})
}

/// Puts a refresh token in the vault that Constant Contact does not know.
pub async fn break_refresh_token(customer: &str) -> Result<()> {
    let id = json!({"SecretId": format!("leadfeed/{STACK}/connection/{customer}")});
    let stored = secrets("GetSecretValue", &id).await?;
    let mut pair: Value = serde_json::from_str(stored["SecretString"].as_str().context("none")?)?;
    pair["refresh_token"] = json!("unknown");
    let put = json!({"SecretId": id["SecretId"], "SecretString": pair.to_string()});
    secrets("PutSecretValue", &put).await.map(drop)
}

fn two_months_ago() -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(24 * 62)
}

fn connection(customer: &str) -> Value {
    json!({"pk": {"S": format!("CUSTOMER#{customer}")}, "sk": {"S": "CONNECTION"}})
}

async fn dynamodb(action: &str, body: &Value) -> Result<Value> {
    let target = format!("DynamoDB_20120810.{action}");
    the_stack().aws().json("dynamodb", &target, body).await
}

async fn secrets(action: &str, body: &Value) -> Result<Value> {
    let target = format!("secretsmanager.{action}");
    the_stack()
        .aws()
        .json("secretsmanager", &target, body)
        .await
}
