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
