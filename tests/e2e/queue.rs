//! The lead queue, accessed as the account's root.

use anyhow::{Context as _, Result, bail};
use leadfeed_tests::eventually;
use leadfeed_tests::scene::TIMEOUT;
use reqwest::Method;
use serde_json::{Value, json};

use crate::scene::the_stack;

/// Enables or disables the event source mapping from the queue to the drain.
pub async fn set_drain_enabled(enabled: bool) -> Result<()> {
    let stack = the_stack();
    let mapping = stack.deployment().resource("LeadQueueToDrain")?;
    let path = format!("/2015-03-31/event-source-mappings/{mapping}");
    let change = json!({"Enabled": enabled});
    stack
        .aws()
        .rest("lambda", Method::PUT, &path, &change)
        .await?;
    if enabled {
        Ok(())
    } else {
        wait_until_none_in_flight().await
    }
}

/// Waits until the drain has finished what the mapping had received already.
async fn wait_until_none_in_flight() -> Result<()> {
    let url = the_stack().deployment().output("LeadQueueUrl")?;
    let idle = wait_until(url, |[_, hidden]| hidden == 0).await;
    idle.context("the drain is still working").map(drop)
}

/// Waits for the next message, deletes it and returns its body.
pub async fn next() -> Result<String> {
    for _ in 0..30 {
        if let Some(body) = take().await? {
            return Ok(body);
        }
    }
    bail!("no message arrived")
}

/// Deletes a message and returns its body; `None` if there is none.
pub async fn take() -> Result<Option<String>> {
    take_from(the_stack().deployment().output("LeadQueueUrl")?).await
}

/// The same for any queue.
pub async fn take_from(url: &str) -> Result<Option<String>> {
    let request = json!({"MaxNumberOfMessages": 1, "WaitTimeSeconds": 1});
    let answer = call("ReceiveMessage", url, request).await?;
    let message = &answer["Messages"][0];
    let Some(body) = message["Body"].as_str() else {
        return Ok(None);
    };
    let handle = json!({"ReceiptHandle": message["ReceiptHandle"]});
    call("DeleteMessage", url, handle).await?;
    Ok(Some(body.to_owned()))
}

/// Sends a message in a customer's group.
pub async fn send(body: &str, customer: &str) -> Result<()> {
    send_to(
        the_stack().deployment().output("LeadQueueUrl")?,
        body,
        customer,
    )
    .await
}

/// The same to any queue.
pub async fn send_to(url: &str, body: &str, customer: &str) -> Result<()> {
    let message = json!({"MessageBody": body, "MessageGroupId": customer});
    call("SendMessage", url, message).await.map(drop)
}

/// Waits until the drain has processed all messages.
pub async fn wait_until_empty() -> Result<()> {
    let url = the_stack().deployment().output("LeadQueueUrl")?;
    let empty = wait_until(url, |[visible, hidden]| visible + hidden == 0).await;
    empty.context("the queue was not drained").map(drop)
}

/// How many messages a queue has, including hidden ones.
pub async fn count(url: &str) -> Result<u32> {
    let [visible, hidden] = counts(url).await?;
    Ok(visible + hidden)
}

/// How many messages of a queue are visible, and how many hidden.
async fn counts(url: &str) -> Result<[u32; 2]> {
    let names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
    ];
    let answer = call("GetQueueAttributes", url, json!({"AttributeNames": names})).await?;
    let number = |name: &str| -> Result<u32> {
        let number = answer["Attributes"][name].as_str();
        Ok(number.context("no number")?.parse()?)
    };
    Ok([number(names[0])?, number(names[1])?])
}

/// Deletes every message of a queue.
pub async fn purge(url: &str) -> Result<()> {
    call("PurgeQueue", url, json!({})).await.map(drop)
}

/// Sets how long the lead queue hides a received message, in seconds.
pub async fn set_visibility_timeout(seconds: u32) -> Result<()> {
    let url = the_stack().deployment().output("LeadQueueUrl")?;
    let change = json!({"Attributes": {"VisibilityTimeout": seconds.to_string()}});
    call("SetQueueAttributes", url, change).await.map(drop)
}

/// Waits until a queue has this many messages; returns how many it reports.
pub async fn wait_for_messages(url: &str, count: u32) -> Result<f64> {
    let enough = wait_until(url, |[visible, _]| visible >= count).await;
    let [visible, _] = enough.with_context(|| format!("there are not {count} messages"))?;
    Ok(f64::from(visible))
}

/// Waits until `holds` is true of the numbers of visible and hidden messages.
async fn wait_until(url: &str, holds: impl Fn([u32; 2]) -> bool) -> Result<[u32; 2]> {
    let read = async || {
        let counts = counts(url).await;
        counts
            .map(|counts| holds(counts).then_some(counts))
            .transpose()
    };
    eventually(TIMEOUT, read, Option::is_some)
        .await
        .context("timed out")?
}

async fn call(action: &str, url: &str, mut body: Value) -> Result<Value> {
    body["QueueUrl"] = json!(url);
    let target = format!("AmazonSQS.{action}");
    the_stack().aws().json("sqs", &target, &body).await
}
