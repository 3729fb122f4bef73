//! Mail to the stack's address. The local topic sends no mail; a subscribed queue receives the same messages.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use leadfeed_local::aws::REGION;
use reqwest::Method;
use serde_json::{Value, json};

use crate::queue::take_from;
use crate::rows;
use crate::scene::{Scene, exclusive, the_stack};

/// A queue that gets everything from the topic for alarms and lost connections.
pub struct Mails {
    url: String,
}

impl Mails {
    /// Subscribes a queue of this name.
    pub async fn listen(name: &str) -> Result<Self> {
        let topic = the_stack().deployment().resource("AlarmMails")?;
        let account = topic.split(':').nth(4).context("no ARN")?;
        let queue = format!("arn:aws:sqs:{REGION}:{account}:{name}");
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": queue, "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }]});
        let request = json!({"QueueName": name, "Attributes": {"Policy": policy.to_string()}});
        let aws = the_stack().aws();
        let created = aws.json("sqs", "AmazonSQS.CreateQueue", &request).await?;
        let subscribe = [
            ("Action", "Subscribe"),
            ("TopicArn", topic),
            ("Protocol", "sqs"),
            ("Endpoint", queue.as_str()),
        ];
        aws.query("sns", "2010-03-31", &subscribe).await?;
        let url = created["QueueUrl"].as_str().context("no queue")?.to_owned();
        Ok(Self { url })
    }

    /// The next message; `None` if there is none.
    pub async fn next(&self) -> Result<Option<Value>> {
        let Some(notice) = take_from(&self.url).await? else {
            return Ok(None);
        };
        let notice: Value = serde_json::from_str(&notice)?;
        let message = notice["Message"].as_str().context("no message")?;
        Ok(Some(serde_json::from_str(message)?))
    }
}

#[tokio::test]
async fn lost_connection_is_mailed_without_personal_data() {
    let _exclusive = exclusive().await;
    let scene = Scene::connected("mails").await;
    let mails = Mails::listen("mails-of-connections").await.unwrap();

    rows::break_refresh_token(&scene.customer).await.unwrap();
    rows::make_token_old(&scene.customer).await.unwrap();
    the_stack().invoke("Scheduler", &json!({})).await.unwrap();

    let event = mail_about(&mails, &scene.customer).await.unwrap();
    let removed = format!("/v1/customers/{}", scene.customer);
    let done = scene.operator.call_ok(Method::DELETE, &removed, None).await;
    done.unwrap();
    assert_eq!(event["detail-type"], "leadfeed.connection");
    let mut detail = event["detail"].clone();
    for name in ["at", "since"] {
        assert!(detail[name].take().is_string(), "{name}: {event}");
    }
    let expected = json!({
        "customer_id": "mails", "status": "needs_reconnect", "reason": "invalid_grant", "at": null, "since": null,
    });
    assert_eq!(detail, expected, "no address, account or token is mailed");
}

/// The first event about a customer's connection. A scheduled run may report it instead of the test's, and later.
async fn mail_about(mails: &Mails, customer: &str) -> Result<Value> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        let Some(event) = mails.next().await? else {
            continue;
        };
        ensure!(event["source"] == "leadfeed", "{event}");
        if event["detail"]["customer_id"] == customer {
            return Ok(event);
        }
    }
    bail!("no mail about {customer} arrived")
}
