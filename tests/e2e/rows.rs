//! Changes to the tables that would otherwise take time or a failure.

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use leadfeed_local::STACK;
use leadfeed_shared::domain::connection::{ConnectionStatus, ReconnectReason};
use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::lead::{LeadState, QuarantineReason};
use leadfeed_shared::ports::{Connections as _, Ledger as _};
use leadfeed_tests::history;
use serde_json::{Value, json};

use crate::scene::the_stack;

/// Makes a lead due now for the scheduler.
pub async fn make_lead_due(lead: &str) -> Result<()> {
    let update = json!({
        "TableName": the_stack().deployment().output("LedgerTable")?,
        "Key": key_of(lead).await?,
        "UpdateExpression": "SET due_at = :now",
        "ConditionExpression": "attribute_exists(due_at)",
        "ExpressionAttributeValues": {":now": {"N": "0"}},
    });
    dynamodb("UpdateItem", &update).await.map(drop)
}

/// Changes what a person agreed to, without renewing the seal.
pub async fn change_consent(lead: &str) -> Result<()> {
    let update = json!({
        "TableName": the_stack().deployment().output("LedgerTable")?,
        "Key": key_of(lead).await?,
        "UpdateExpression": "SET #lead.consent.#statement = :other",
        "ExpressionAttributeNames": {"#lead": "lead", "#statement": "statement"},
        "ExpressionAttributeValues": {":other": {"S": "Anybody may mail me."}},
    });
    dynamodb("UpdateItem", &update).await.map(drop)
}

/// Records a lead that came in at this time and has not been delivered since.
pub async fn record_late_lead(at: Timestamp, customer: &str, form: &str) -> Result<LeadId> {
    let lead = history::lead(
        &customer.parse()?,
        &form.parse()?,
        "late@example.com",
        at,
        0,
    );
    let (_, ledger) = leadfeed_tests::tables();
    let due_at = Timestamp::now() + SignedDuration::from_hours(1);
    ledger.record(&lead, &LeadState::Queued, due_at).await?;
    Ok(lead.id)
}

/// Records this many leads that were quarantined just now, as during an outage of a captcha provider.
pub async fn record_quarantined_leads(
    count: u128,
    customer: &str,
    form: &str,
) -> Result<Vec<LeadId>> {
    let (customer, form) = (customer.parse()?, form.parse()?);
    let (_, ledger) = leadfeed_tests::tables();
    let why = QuarantineReason::Captcha;
    let mut leads = Vec::new();
    for number in 0..count {
        let now = Timestamp::now();
        let lead = history::lead(&customer, &form, "aside@example.com", now, number);
        let until = now + SignedDuration::from_hours(24);
        ledger.quarantine(&lead, why, until).await?;
        leads.push(lead.id);
    }
    Ok(leads)
}

/// Removes the lock of an erasure that failed during its search of the dead letters; others would wait a minute for it.
pub async fn unlock_dead_letters() -> Result<()> {
    let table = the_stack().deployment().output("DirectoryTable")?;
    let key = json!({"pk": {"S": "LOCK#dead-letters"}, "sk": {"S": "LOCK"}});
    dynamodb("DeleteItem", &json!({"TableName": table, "Key": key}))
        .await
        .map(drop)
}

/// Removes a lead's row.
pub async fn remove(lead: &LeadId) -> Result<()> {
    let table = the_stack().deployment().output("LedgerTable")?;
    let key = json!({"TableName": table, "Key": key_of(lead.as_str()).await?});
    dynamodb("DeleteItem", &key).await.map(drop)
}

/// Ends a customer's connection, as when Constant Contact no longer accepts its tokens.
pub async fn lose_connection(customer: &str) -> Result<()> {
    let (directory, _) = leadfeed_tests::tables();
    let customer = customer.parse()?;
    let connection = directory
        .connection(&customer)
        .await?
        .context("no connection")?;
    let (reason, since) = (ReconnectReason::InvalidGrant, Timestamp::now());
    let lost = ConnectionStatus::NeedsReconnect { reason, since };
    directory
        .set_status(&customer, connection.generation, &lost)
        .await
        .map(drop)
        .map_err(Into::into)
}

/// Makes a connection look as if it had not been used for two months.
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

/// Whether the connection still looks like that.
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

/// Leaves a customer's counters of today like a drain that ended before it could settle them; returns their key.
pub async fn unsettle_counters(customer: &str) -> Result<Value> {
    let today = Timestamp::now().strftime("%Y-%m-%d");
    let key =
        json!({"pk": {"S": format!("CUSTOMER#{customer}")}, "sk": {"S": format!("TALLY#{today}")}});
    let mut row = key.clone();
    row["owner"] = json!({"S": "unsettled"});
    row["touched_at"] = json!({"N": "0"});
    row["revision"] = json!({"N": "1"});
    let put = json!({"TableName": the_stack().deployment().output("DirectoryTable")?, "Item": row});
    dynamodb("PutItem", &put).await?;
    Ok(key)
}

/// Whether the counters have been recounted since.
pub async fn are_settled(counters: &Value) -> Result<bool> {
    let get = json!({
        "TableName": the_stack().deployment().output("DirectoryTable")?,
        "Key": counters,
    });
    let found = dynamodb("GetItem", &get).await?;
    ensure!(found["Item"].is_object(), "the counters are gone");
    Ok(found["Item"]["owner"].is_null())
}

/// Stores a refresh token in the vault that Constant Contact does not know.
pub async fn break_refresh_token(customer: &str) -> Result<()> {
    let id = json!({"SecretId": format!("leadfeed/{STACK}/connection/{customer}")});
    let stored = secrets("GetSecretValue", &id).await?;
    let mut pair: Value =
        serde_json::from_str(stored["SecretString"].as_str().context("no secret")?)?;
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

/// The key of a lead's row.
async fn key_of(lead: &str) -> Result<Value> {
    let query = json!({
        "TableName": the_stack().deployment().output("LedgerTable")?,
        "IndexName": "by_lead",
        "KeyConditionExpression": "sk = :lead",
        "ExpressionAttributeValues": {":lead": {"S": lead}},
    });
    let found = dynamodb("Query", &query).await?;
    let key = &found["Items"][0];
    Ok(json!({"pk": key["pk"], "sk": key["sk"]}))
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
