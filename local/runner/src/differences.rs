//! Where MiniStack differs from AWS: corrected after the deployment, so that the template stays written for AWS.

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};

use crate::aws::Aws;
use crate::role::RolePolicy;
use crate::sam::Deployment;

/// The functions of the template.
const FUNCTIONS: [&str; 5] = [
    "OauthCallback",
    "LeadWebhook",
    "QueueDrain",
    "Scheduler",
    "AdminApi",
];

/// Corrects the differences.
pub async fn correct(aws: &Aws, deployment: &Deployment) -> Result<()> {
    set_drain_concurrency(aws, deployment).await?;
    for function in FUNCTIONS {
        allow_batch_sends(aws, deployment, function).await?;
    }
    Ok(())
}

/// `CloudFormation` parameters are text, and MiniStack does not convert the mapping's concurrency to a number.
async fn set_drain_concurrency(aws: &Aws, deployment: &Deployment) -> Result<()> {
    let path = format!(
        "/2015-03-31/event-source-mappings/{}",
        deployment.resource("LeadQueueToDrain")?
    );
    let change = json!({"ScalingConfig": {"MaximumConcurrency": 2}});
    aws.rest("lambda", Method::PUT, &path, &change)
        .await
        .map(drop)
}

/// On AWS `sqs:SendMessage` allows batches too; MiniStack requires a separate action, which AWS does not have.
async fn allow_batch_sends(aws: &Aws, deployment: &Deployment, function: &str) -> Result<()> {
    let policy = RolePolicy::of(aws, deployment, function).await?;
    let mut document = policy.document().clone();
    let statements = document["Statement"]
        .as_array_mut()
        .context("a policy without statements")?;
    for statement in statements {
        let mut actions = match statement["Action"].take() {
            Value::Array(actions) => actions,
            one => vec![one],
        };
        if actions.contains(&json!("sqs:SendMessage")) {
            actions.push(json!("sqs:SendMessageBatch"));
        }
        statement["Action"] = Value::Array(actions);
    }
    policy.put(aws, &document).await
}
