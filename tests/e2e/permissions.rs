//! IAM is enforced: a function whose statement is gone can no longer do its work.

use leadfeed_local::role::RolePolicy;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::scene::{Scene, alone, the_stack};

/// A document without one of its statements.
fn without(document: &Value, sid: &str) -> Value {
    let mut document = document.clone();
    let statements = document["Statement"].as_array_mut().unwrap();
    let before = statements.len();
    statements.retain(|statement| statement["Sid"] != sid);
    assert_eq!(statements.len() + 1, before, "no statement {sid}");
    document
}

#[tokio::test]
async fn a_function_without_its_statement_is_refused() {
    let _alone = alone().await;
    let scene = Scene::of("denied").await;
    let lead = json!({"email": "denied@example.com", "consent": {"given": true}});
    let (aws, deployment) = (the_stack().aws(), the_stack().deployment());
    let policy = RolePolicy::of(aws, deployment, "LeadWebhook")
        .await
        .unwrap();

    policy
        .put(aws, &without(policy.document(), "ReadForms"))
        .await
        .unwrap();
    let (denied, _) = scene.post_json(&lead).await;
    policy.put(aws, policy.document()).await.unwrap();
    let (allowed, _) = scene.post_json(&lead).await;

    assert_eq!(denied, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(allowed, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_lead_that_the_queue_did_not_take_is_delivered_by_the_scheduler() {
    let _alone = alone().await;
    let scene = Scene::connected("no-queue").await;
    let (aws, deployment) = (the_stack().aws(), the_stack().deployment());
    let policy = RolePolicy::of(aws, deployment, "LeadWebhook")
        .await
        .unwrap();

    policy
        .put(aws, &without(policy.document(), "SendLeads"))
        .await
        .unwrap();
    let lead = scene.submit("no-queue@example.com").await;
    policy.put(aws, policy.document()).await.unwrap();
    scene.until(&lead, "received").await;
    is_due_now(&lead).await;
    the_stack().invoke("Scheduler", &json!({})).await.unwrap();

    scene.until(&lead, "delivered").await;
}

/// Brings forward the moment at which the scheduler looks after a lead.
async fn is_due_now(lead: &str) {
    let (aws, deployment) = (the_stack().aws(), the_stack().deployment());
    let table = deployment.output("LedgerTable").unwrap();
    let query = json!({
        "TableName": table,
        "IndexName": "by_lead",
        "KeyConditionExpression": "sk = :lead",
        "ExpressionAttributeValues": {":lead": {"S": lead}},
    });
    let found = aws
        .json("dynamodb", "DynamoDB_20120810.Query", &query)
        .await
        .unwrap();
    let key = &found["Items"][0];
    let update = json!({
        "TableName": table,
        "Key": {"pk": key["pk"], "sk": key["sk"]},
        "UpdateExpression": "SET due_at = :now",
        "ConditionExpression": "attribute_exists(due_at)",
        "ExpressionAttributeValues": {":now": {"N": "0"}},
    });
    aws.json("dynamodb", "DynamoDB_20120810.UpdateItem", &update)
        .await
        .unwrap();
}
