use std::collections::HashMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use futures_util::future::try_join_all;

use super::config;
use super::sdk_error::{AwsError, failed};
use crate::domain::task::Task;
use crate::ports::{DeadLetter, DeadLetters, HIDDEN_FOR, Queue, QueueError, StoreError};

/// Messages in one request.
const BATCH: usize = 10;
/// Bytes of one request, well below what SQS accepts. A longer message is sent on its own.
const BATCH_BYTES: usize = 256 * 1024;

/// A standard queue. The message group is the customer, and SQS is fair between groups.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// A queue by its URL.
    #[must_use]
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Sends nothing, so that a connection is open before the first lead: the queue refuses an empty batch, which is
    /// the expected result.
    pub async fn warm_up(&self) {
        let request = self.client.send_message_batch().queue_url(&self.url);
        let nothing = request.set_entries(Some(Vec::new())).send().await;
        tracing::debug!(
            refused = nothing.is_err(),
            "a connection to the queue is open"
        );
    }

    /// Sends one batch; adds what was not accepted to `failed`.
    async fn send_batch(&self, batch: &[Message<'_>], failed: &mut QueueError) {
        let trace = trace();
        let entries = batch.iter().map(|message| message.entry(trace.as_ref()));
        let entries = entries.collect();
        let request = self.client.send_message_batch().queue_url(&self.url);
        match request.set_entries(Some(entries)).send().await {
            Ok(answer) => failed.failed.extend(
                answer
                    .failed()
                    .iter()
                    .filter_map(|entry| entry.id().parse::<usize>().ok()),
            ),
            Err(error) => {
                failed
                    .failed
                    .extend(batch.iter().map(|message| message.index));
                let error = AwsError::new("SendMessageBatch", error);
                failed.source.get_or_insert(error.into());
            }
        }
    }
}

/// A task and its index among those given.
struct Message<'a> {
    index: usize,
    task: &'a Task,
    body: String,
}

impl Message<'_> {
    fn entry(&self, trace: Option<&MessageSystemAttributeValue>) -> SendMessageBatchRequestEntry {
        let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
        let attributes = trace.map(|trace| HashMap::from([(name, trace.clone())]));
        SendMessageBatchRequestEntry::builder()
            .id(self.index.to_string())
            .message_group_id(self.task.customer().as_str())
            .message_body(&self.body)
            .set_message_system_attributes(attributes)
            .build()
            .expect("id and body are given")
    }
}

/// The trace of this invocation, so that X-Ray shows a lead's way as one trace, from intake to delivery.
fn trace() -> Option<MessageSystemAttributeValue> {
    let header = config::optional("_X_AMZN_TRACE_ID")?;
    let value = MessageSystemAttributeValue::builder();
    value.data_type("String").string_value(header).build().ok()
}

/// A task as JSON. The two characters that SQS does not accept in a message (`SendMessage`: U+FFFE and U+FFFF) are
/// escaped, as JSON does with control characters anyway.
fn body(task: &Task) -> String {
    let json = serde_json::to_string(task).expect("a task is plain data");
    json.replace('\u{fffe}', "\\ufffe")
        .replace('\u{ffff}', "\\uffff")
}

/// How many of the first messages fit into one request; at least one.
fn batch_size(messages: &[Message<'_>]) -> usize {
    let mut bytes = 0;
    let fits = |message: &&Message<'_>| {
        bytes += message.body.len();
        bytes <= BATCH_BYTES
    };
    let count = messages.iter().take(BATCH).take_while(fits).count();
    count.max(1).min(messages.len())
}

impl Queue for SqsQueue {
    async fn send(&self, tasks: &[Task]) -> Result<(), QueueError> {
        let messages: Vec<_> = tasks
            .iter()
            .enumerate()
            .map(|(index, task)| Message {
                index,
                task,
                body: body(task),
            })
            .collect();
        let mut error = QueueError {
            failed: Vec::new(),
            source: None,
        };
        let mut rest = messages.as_slice();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(batch_size(rest));
            self.send_batch(batch, &mut error).await;
            rest = later;
        }
        if error.failed.is_empty() {
            Ok(())
        } else {
            Err(error)
        }
    }

    async fn depth(&self) -> Result<u64, StoreError> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = request.attribute_names(name.clone()).send().await;
        let answer = answer.map_err(failed("GetQueueAttributes"))?;
        let depth = answer.attributes().and_then(|all| all.get(&name));
        depth
            .and_then(|depth| depth.parse().ok())
            .ok_or_else(|| StoreError::new("GetQueueAttributes: no number of messages"))
    }
}

impl DeadLetters for SqsQueue {
    /// Long-polls for a second if there seems to be no message: only then does SQS ask all of its servers.
    async fn peek(&self) -> Result<Vec<DeadLetter>, StoreError> {
        let request = self.client.receive_message().queue_url(&self.url);
        let request = request.max_number_of_messages(10).wait_time_seconds(1);
        let hidden_for = i32::try_from(HIDDEN_FOR.as_secs()).unwrap_or(i32::MAX);
        let answer = request.visibility_timeout(hidden_for).send().await;
        let answer = answer.map_err(failed("ReceiveMessage"))?;
        let letters = answer.messages.unwrap_or_default().into_iter();
        let letter = |message: aws_sdk_sqs::types::Message| DeadLetter {
            task: serde_json::from_str(&message.body.unwrap_or_default()).ok(),
            receipt: message.receipt_handle.unwrap_or_default(),
        };
        Ok(letters.map(letter).collect())
    }

    async fn put_back(&self, letters: &[DeadLetter]) -> Result<(), StoreError> {
        let show = |letter: &DeadLetter| {
            let request = self.client.change_message_visibility();
            let request = request.queue_url(&self.url).visibility_timeout(0);
            request.receipt_handle(&letter.receipt).send()
        };
        for chunk in letters.chunks(BATCH) {
            let shown = try_join_all(chunk.iter().map(show)).await;
            shown.map_err(failed("ChangeMessageVisibility"))?;
        }
        Ok(())
    }

    async fn discard(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let request = self.client.delete_message().queue_url(&self.url);
        let done = request.receipt_handle(&letter.receipt).send().await;
        done.map_err(failed("DeleteMessage"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_not_allowed_in_sqs_messages_are_escaped_and_restored() {
        let name = "A\u{ffff}d\u{fffe}a \\uffff";
        let task: Task = serde_json::from_value(serde_json::json!({
            "type": "lead.accepted.v1",
            "lead": {
                "id": "lead_01ARZ3NDEKTSV4RRFFQ69G5FAV",
                "customer": "engines",
                "form": "frm_01ARZ3NDEKTSV4RRFFQ69G5FAV",
                "contact": {"email": "ada@example.com", "first_name": name},
                "consent": {"statement": "Yes.", "version": 1, "given_at": "2026-11-23T09:30:00Z"},
                "received_at": "2026-11-23T09:30:00Z",
                "seal": "c2VhbA",
            },
        }))
        .unwrap();

        let body = body(&task);

        assert!(!body.contains(['\u{fffe}', '\u{ffff}']), "{body}");
        assert_eq!(serde_json::from_str::<Task>(&body).unwrap(), task);
    }

    #[test]
    fn message_group_id_is_the_customer_id() {
        for customer in ["engines", "looms"] {
            let task = Task::Released {
                customer: customer.parse().unwrap(),
                lead: "lead_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            };
            let message = Message {
                index: 0,
                task: &task,
                body: body(&task),
            };

            assert_eq!(message.entry(None).message_group_id(), Some(customer));
        }
    }

    #[test]
    fn batch_holds_at_most_ten_messages_and_a_long_one_is_sent_alone() {
        let task = Task::Released {
            customer: "engines".parse().unwrap(),
            lead: "lead_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
        };
        let message = |length| Message {
            index: 0,
            task: &task,
            body: "x".repeat(length),
        };

        let many: Vec<_> = (0..25).map(|_| message(100)).collect();
        let long = [message(300_000), message(100)];
        let half = [message(200_000), message(50_000), message(50_000)];

        assert_eq!(batch_size(&many), 10);
        assert_eq!(batch_size(&many[20..]), 5);
        assert_eq!(batch_size(&long), 1);
        assert_eq!(batch_size(&half), 2);
    }
}
