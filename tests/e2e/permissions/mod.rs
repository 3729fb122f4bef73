//! IAM is enforced: a function that lacks one of its statements can no longer do its work.

mod bus;
mod captcha;
mod walks;

use anyhow::{Context, Result};
use leadfeed_local::role::RolePolicy;
use reqwest::Method;
use serde_json::{Value, json};

use self::walks::{Function, Walker};
use crate::queue::{self, drain_is};
use crate::rows;
use crate::scene::{Scene, alone, finally, the_stack};

/// The local queue delivers its messages whatever the role allows; a test of the template compares this statement with
/// what AWS requires of a mapping.
const NOT_ENFORCED: [(&str, &str); 1] = [("QueueDrain", "ReceiveLeads")];

#[tokio::test]
async fn no_statement_of_any_role_can_be_taken_away_unnoticed() {
    let _alone = alone().await;
    everything_by_itself_is(false).await.unwrap();
    let unnoticed = finally(all_unnoticed(), everything_by_itself_is(true)).await;

    assert_eq!(
        unnoticed.unwrap(),
        NOT_ENFORCED.map(|(function, sid)| format!("{function}: {sid}"))
    );
}

#[tokio::test]
async fn a_lead_that_the_queue_did_not_take_is_delivered_by_the_scheduler() {
    let _alone = alone().await;
    let scene = Scene::connected("no-queue").await;

    let submitted = scene.submit("no-queue@example.com");
    let lead = lacking("LeadWebhook", "SendLeads", submitted).await;
    let lead = lead.unwrap();
    scene.until(&lead, "received").await;
    rows::make_lead_due(&lead).await.unwrap();
    the_stack().invoke("Scheduler", &json!({})).await.unwrap();

    scene.until(&lead, "delivered").await;
}

/// The statements of all functions that can be removed unnoticed.
async fn all_unnoticed() -> Result<Vec<String>> {
    let walker = Walker::new().await?;
    let mut unnoticed = Vec::new();
    for function in Function::ALL {
        unnoticed.extend(unnoticed_in(function, &walker).await?);
    }
    Ok(unnoticed)
}

/// The statements without which a function's walk still succeeds. With all of them it has to succeed.
async fn unnoticed_in(function: Function, walker: &Walker) -> Result<Vec<String>> {
    let name = format!("{function:?}");
    let (aws, deployment) = (the_stack().aws(), the_stack().deployment());
    let policy = RolePolicy::of(aws, deployment, &name).await?;
    start_anew(&name, walker.captcha()).await?;
    function
        .walk(walker)
        .await
        .with_context(|| format!("{name} with its whole role"))?;
    leave_nothing(walker).await?;
    let mut unnoticed = Vec::new();
    for sid in sids(policy.document()) {
        let walk = async {
            start_anew(&name, walker.captcha()).await?;
            anyhow::Ok(function.walk(walker).await)
        };
        match lacking(&name, &sid, walk).await?? {
            Ok(()) => unnoticed.push(format!("{name}: {sid}")),
            Err(error) => println!("{name} without {sid}: {error:#}"),
        }
        start_anew(&name, walker.captcha()).await?;
        leave_nothing(walker).await?;
    }
    function
        .walk(walker)
        .await
        .with_context(|| format!("{name} with its whole role again"))?;
    leave_nothing(walker).await?;
    Ok(unnoticed)
}

/// Removes what a walk leaves behind and the next one would meet.
async fn leave_nothing(walker: &Walker) -> Result<()> {
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
pub async fn lacking<T>(function: &str, sid: &str, body: impl Future<Output = T>) -> Result<T> {
    let (aws, deployment) = (the_stack().aws(), the_stack().deployment());
    let policy = RolePolicy::of(aws, deployment, function).await?;
    let whole = policy.document();
    policy.put(aws, &without(whole, sid)).await?;
    Ok(finally(body, policy.put(aws, whole)).await)
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

/// Turns on or off what happens by itself: the drain's mapping and the schedule.
async fn everything_by_itself_is(on: bool) -> Result<()> {
    drain_is(on).await?;
    let rule = the_stack().deployment().resource("SchedulerEveryMinute")?;
    let action = if on { "EnableRule" } else { "DisableRule" };
    bus::events(action, &json!({"Name": rule})).await?;
    purge().await
}

async fn purge() -> Result<()> {
    queue::purge(the_stack().deployment().output("LeadQueueUrl")?).await
}

/// Ends the instances of a function that have cached what they read at their start. New ones check captchas at
/// `captcha`.
async fn start_anew(function: &str, captcha: &str) -> Result<()> {
    let name = the_stack().deployment().resource(function)?;
    let path = format!("/2015-03-31/functions/{name}/configuration");
    let aws = the_stack().aws();
    let now = aws.rest("lambda", Method::GET, &path, &Value::Null).await?;
    let mut environment = now["Environment"].clone();
    environment["Variables"]["LEADFEED_CAPTCHA_URL"] = json!(captcha);
    let change = json!({"Environment": environment});
    aws.rest("lambda", Method::PUT, &path, &change)
        .await
        .map(drop)
}
