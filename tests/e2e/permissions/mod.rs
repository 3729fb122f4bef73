//! IAM is enforced: a function that lacks one of its statements can no longer do its work.

mod bus;
mod captcha;
mod walks;

use anyhow::{Context, Result};
use leadfeed_local::role::RolePolicy;
use reqwest::Method;
use serde_json::{Value, json};

use self::walks::{Function, Walker};
use crate::queue::{self, set_drain_enabled};
use crate::rows;
use crate::scene::{Scene, exclusive, finally, the_stack};

/// The local queue delivers its messages whatever the role allows; a test of the template compares this statement with
/// what AWS requires of a mapping.
const NOT_ENFORCED: [(&str, &str); 1] = [("QueueDrain", "ReceiveLeads")];

#[tokio::test]
async fn removing_any_statement_from_a_role_breaks_its_function() {
    let _exclusive = exclusive().await;
    set_automation_enabled(false).await.unwrap();
    let removable = finally(removable_statements(), set_automation_enabled(true)).await;

    assert_eq!(
        removable.unwrap(),
        NOT_ENFORCED.map(|(function, sid)| format!("{function}: {sid}"))
    );
}

#[tokio::test]
async fn lead_that_could_not_be_queued_is_delivered_by_the_scheduler() {
    let _exclusive = exclusive().await;
    let scene = Scene::connected("no-queue").await;

    let submit = scene.submit("no-queue@example.com");
    let lead = without_permission("LeadWebhook", "SendLeads", submit).await;
    let lead = lead.unwrap();
    scene.wait_for_status(&lead, "received").await;
    rows::make_lead_due(&lead).await.unwrap();
    the_stack().invoke("Scheduler", &json!({})).await.unwrap();

    scene.wait_for_status(&lead, "delivered").await;
}

/// The statements of all functions that can be removed without a failure.
async fn removable_statements() -> Result<Vec<String>> {
    let walker = Walker::new().await?;
    let mut removable = Vec::new();
    for function in Function::ALL {
        removable.extend(removable_statements_of(function, &walker).await?);
    }
    Ok(removable)
}

/// The statements without which a function's walk still succeeds. With all of them it has to succeed.
async fn removable_statements_of(function: Function, walker: &Walker) -> Result<Vec<String>> {
    let name = format!("{function:?}");
    let (aws, deployment) = (the_stack().aws(), the_stack().deployment());
    let policy = RolePolicy::of(aws, deployment, &name).await?;
    restart(&name, walker.captcha()).await?;
    function
        .walk(walker)
        .await
        .with_context(|| format!("{name} with its whole role"))?;
    clean_up(walker).await?;
    let mut removable = Vec::new();
    for sid in sids(policy.document()) {
        let walk = async {
            restart(&name, walker.captcha()).await?;
            anyhow::Ok(function.walk(walker).await)
        };
        match without_permission(&name, &sid, walk).await?? {
            Ok(()) => removable.push(format!("{name}: {sid}")),
            Err(error) => println!("{name} without {sid}: {error:#}"),
        }
        restart(&name, walker.captcha()).await?;
        clean_up(walker).await?;
    }
    function
        .walk(walker)
        .await
        .with_context(|| format!("{name} with its whole role again"))?;
    clean_up(walker).await?;
    Ok(removable)
}

/// Removes what a walk leaves behind, so that it does not affect the next one.
async fn clean_up(walker: &Walker) -> Result<()> {
    walker.clean_up().await?;
    purge().await?;
    rows::unlock_dead_letters().await
}

fn sids(document: &Value) -> Vec<String> {
    let statements = document["Statement"].as_array().into_iter().flatten();
    statements
        .filter_map(|statement| Some(statement["Sid"].as_str()?.to_owned()))
        .collect()
}

/// Runs `body` while the role of a function lacks a statement.
pub async fn without_permission<T>(
    function: &str,
    sid: &str,
    body: impl Future<Output = T>,
) -> Result<T> {
    let (aws, deployment) = (the_stack().aws(), the_stack().deployment());
    let policy = RolePolicy::of(aws, deployment, function).await?;
    let original = policy.document();
    policy.put(aws, &without(original, sid)).await?;
    Ok(finally(body, policy.put(aws, original)).await)
}

/// A document without one of its statements.
fn without(document: &Value, sid: &str) -> Value {
    let mut document = document.clone();
    let statements = document["Statement"].as_array_mut().unwrap();
    let before = statements.len();
    statements.retain(|statement| statement["Sid"] != sid);
    assert_eq!(statements.len() + 1, before, "no statement {sid}");
    document
}

/// Enables or disables what runs by itself: the drain's mapping and the schedule.
async fn set_automation_enabled(enabled: bool) -> Result<()> {
    set_drain_enabled(enabled).await?;
    let rule = the_stack().deployment().resource("SchedulerEveryMinute")?;
    let action = if enabled { "EnableRule" } else { "DisableRule" };
    bus::events(action, &json!({"Name": rule})).await?;
    purge().await
}

async fn purge() -> Result<()> {
    queue::purge(the_stack().deployment().output("LeadQueueUrl")?).await
}

/// Replaces the instances of a function, which have cached what they read at their start. New ones check captchas at
/// `captcha`.
async fn restart(function: &str, captcha: &str) -> Result<()> {
    let name = the_stack().deployment().resource(function)?;
    let path = format!("/2015-03-31/functions/{name}/configuration");
    let aws = the_stack().aws();
    let current = aws.rest("lambda", Method::GET, &path, &Value::Null).await?;
    let mut environment = current["Environment"].clone();
    environment["Variables"]["LEADFEED_CAPTCHA_URL"] = json!(captcha);
    let change = json!({"Environment": environment});
    aws.rest("lambda", Method::PUT, &path, &change)
        .await
        .map(drop)
}
