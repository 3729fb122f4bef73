//! The canary: the operator's own lead, from the form to the ledger.

use std::time::Duration;

use anyhow::{Context, Result};
use leadfeed_tests::eventually;
use leadfeed_tests::scene::PATIENCE;
use reqwest::Method;
use serde_json::{Value, json};

use crate::alarms::cloudwatch::CloudWatch;
use crate::scene::{Scene, alone, contacts_like, finally, sign_ups, the_stack};

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

/// The address of the canary's contact, which has a tag.
async fn until_one_is_there() -> String {
    let look = async || contacts_like("canary+").pop();
    let there = eventually(Duration::from_mins(3), look, Option::is_some).await;
    there.expect("one arrives within three minutes")
}

/// How late it was at each run of the scheduler, until one sees it in the ledger: there it is delivered a moment after
/// it is at Constant Contact.
async fn late_until_it_is_seen(watch: &CloudWatch) -> Vec<f64> {
    let look = async || {
        the_stack().invoke("Scheduler", &json!({})).await.unwrap();
        let late = watch.values("scheduler", "CanaryLate").await.unwrap();
        (late.last() == Some(&0.0)).then_some(late)
    };
    let late = eventually(PATIENCE, look, Option::is_some).await;
    late.expect("the canary is seen where it has arrived")
}

#[tokio::test]
async fn a_canary_comes_by_the_public_door_and_arrives() {
    let _alone = alone().await;
    let scene = Scene::connected("canary").await;
    let watch = CloudWatch::new().await.unwrap();
    let canary = json!({
        "LEADFEED_CANARY_FORM": scene.form["form_id"],
        "LEADFEED_CANARY_ADDRESS": ADDRESS,
    });

    let arrives = async {
        the_stack().invoke("Scheduler", &json!({})).await.unwrap();
        let address = until_one_is_there().await;
        (address, late_until_it_is_seen(&watch).await)
    };
    let before = configure(&canary).await.unwrap();
    let (address, late) = finally(arrives, configure(&before)).await;

    assert_eq!(sign_ups(&address), 1, "one in a quarter of an hour");
    assert!(late[0] > 300.0, "none had arrived: {late:?}");
}
