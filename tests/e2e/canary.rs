//! The canary: the operator's own lead, from the form to the ledger.

use std::time::Duration;

use anyhow::{Context, Result};
use leadfeed_tests::eventually;
use leadfeed_tests::scene::TIMEOUT;
use reqwest::Method;
use serde_json::{Value, json};

use crate::alarms::cloudwatch::CloudWatch;
use crate::scene::{Scene, contacts_starting_with, exclusive, finally, sign_ups, the_stack};

const ADDRESS: &str = "canary@example.com";

/// Configures the scheduler's canary, or removes it; returns the previous variables.
async fn configure(variables: &Value) -> Result<Value> {
    let stack = the_stack();
    let name = stack.deployment().resource("Scheduler")?;
    let path = format!("/2015-03-31/functions/{name}/configuration");
    let before = stack
        .aws()
        .rest("lambda", Method::GET, &path, &Value::Null)
        .await?;
    let before = before["Environment"]["Variables"].clone();
    let mut changed = before.clone();
    let changes = variables.as_object().context("no variables")?;
    changed
        .as_object_mut()
        .context("no environment")?
        .extend(changes.clone());
    let change = json!({"Environment": {"Variables": changed}});
    stack
        .aws()
        .rest("lambda", Method::PUT, &path, &change)
        .await?;
    Ok(before)
}

/// Waits for the canary's contact; returns its address, which has a tag.
async fn wait_for_canary() -> String {
    let find = async || contacts_starting_with("canary+").pop();
    let found = eventually(Duration::from_mins(3), find, Option::is_some).await;
    found.expect("a canary arrives within three minutes")
}

/// How late the canary was at each run of the scheduler, until a run sees it in the ledger: it is recorded there
/// shortly after it arrives at Constant Contact.
async fn lateness_until_seen(cloudwatch: &CloudWatch) -> Vec<f64> {
    let run = async || {
        the_stack().invoke("Scheduler", &json!({})).await.unwrap();
        let late = cloudwatch.values("scheduler", "CanaryLate").await.unwrap();
        (late.last() == Some(&0.0)).then_some(late)
    };
    let late = eventually(TIMEOUT, run, Option::is_some).await;
    late.expect("the canary is seen in the ledger")
}

#[tokio::test]
async fn canary_is_submitted_through_the_public_form_and_arrives() {
    let _exclusive = exclusive().await;
    let scene = Scene::connected("canary").await;
    let cloudwatch = CloudWatch::new().await.unwrap();
    let canary = json!({
        "LEADFEED_CANARY_FORM": scene.form["form_id"],
        "LEADFEED_CANARY_ADDRESS": ADDRESS,
    });

    let submit = async {
        the_stack().invoke("Scheduler", &json!({})).await.unwrap();
        let address = wait_for_canary().await;
        (address, lateness_until_seen(&cloudwatch).await)
    };
    let before = configure(&canary).await.unwrap();
    let (address, late) = finally(submit, configure(&before)).await;

    assert_eq!(sign_ups(&address), 1, "one canary every quarter of an hour");
    assert!(late[0] > 300.0, "a canary had arrived before: {late:?}");
}
