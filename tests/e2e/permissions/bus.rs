//! A queue that receives everything that the stack sends to the event bus.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::queue::take_from;
use crate::scene::the_stack;

pub struct Bus {
    url: String,
}

impl Bus {
    /// Subscribes the queue.
    pub async fn listen() -> Result<Self> {
        let name = json!({"QueueName": "heard-on-the-bus"});
        let created = sqs("CreateQueue", &name).await?;
        let url = created["QueueUrl"].as_str().context("no queue")?.to_owned();
        let request = json!({"QueueUrl": url, "AttributeNames": ["QueueArn"]});
        let arn = sqs("GetQueueAttributes", &request).await?["Attributes"]["QueueArn"].take();
        let pattern = json!({"source": ["leadfeed"]}).to_string();
        let rule = json!({"Name": "everything", "EventPattern": pattern});
        events("PutRule", &rule).await?;
        let targets = json!({"Rule": "everything", "Targets": [{"Id": "queue", "Arn": arn}]});
        events("PutTargets", &targets).await?;
        Ok(Self { url })
    }

    /// Takes events off the queue until one says that this customer's connection is in this state.
    pub async fn expect_status(&self, customer: &str, status: &str) -> Result<()> {
        while let Some(event) = take_from(&self.url).await? {
            let event: Value = serde_json::from_str(&event)?;
            let detail = &event["detail"];
            if event["detail-type"] == "leadfeed.connection"
                && detail["customer_id"] == customer
                && detail["status"] == status
            {
                return Ok(());
            }
        }
        bail!("no event says that {customer} is {status}")
    }
}

async fn sqs(action: &str, body: &Value) -> Result<Value> {
    let target = format!("AmazonSQS.{action}");
    the_stack().aws().json("sqs", &target, body).await
}

/// Any call to EventBridge.
pub async fn events(action: &str, body: &Value) -> Result<Value> {
    let target = format!("AWSEvents.{action}");
    the_stack().aws().json("events", &target, body).await
}
