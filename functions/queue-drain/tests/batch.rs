//! One batch, from queue event to answer, on ports in memory.
#![expect(clippy::unwrap_used, reason = "a failing step fails the test")]

#[path = "../../../tests/support/bare_start.rs"]
mod bare_start;

use aws_lambda_events::sqs::SqsEvent;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Context, LambdaEvent};
use leadfeed_shared::domain::connection::Connection;
use leadfeed_shared::fakes::{Call, Memory, samples};
use leadfeed_shared::ports::{Clock as _, Customers as _, Forms as _};
use queue_drain::handle;
use serde_json::{Value, json};

const BATCH: &str = include_str!("../../../events/queue-batch.json");

/// A batch for a function with half a minute left.
fn event(batch: &str) -> LambdaEvent<SqsEvent> {
    event_with_deadline(batch, Timestamp::now() + SignedDuration::from_secs(30))
}

fn event_with_deadline(batch: &str, deadline: Timestamp) -> LambdaEvent<SqsEvent> {
    let mut context = Context::default();
    context.deadline = u64::try_from(deadline.as_millisecond()).unwrap();
    LambdaEvent::new(serde_json::from_str(batch).unwrap(), context)
}

/// A customer with a connected account, and a batch of one lead.
async fn with_one_lead() -> (Memory, String) {
    let memory = Memory::new("2026-11-23T12:00:00Z".parse().unwrap());
    let (directory, now, form) = (&memory.directory, memory.clock.now(), samples::form());
    directory
        .put_customer(&samples::customer(now))
        .await
        .unwrap();
    directory.put_form(&form).await.unwrap();
    let connection = samples::connection(now);
    let account = &connection.account.id;
    memory.crm.open_account(account, "Engines");
    let connection = Connection {
        lists: vec![memory.crm.add_list(account, "News")],
        ..connection
    };
    memory.put_connected(connection, "client").await;
    let fields = [("email", "ada@example.com")];
    memory.sign_up(&form, &fields).await;
    let mut batch: Value = serde_json::from_str(BATCH).unwrap();
    let mut record = batch["Records"][0].take();
    record["body"] = json!(memory.messages()[0].body);
    batch["Records"] = json!([record]);
    (memory, batch.to_string())
}

#[tokio::test]
async fn unreadable_message_is_redelivered_and_message_of_a_missing_lead_is_not() {
    let memory = Memory::new(Timestamp::now());

    let answer = handle(&memory.drain(), event(BATCH)).await.unwrap();

    let redelivered: Vec<_> = answer
        .batch_item_failures
        .iter()
        .map(|failure| failure.item_identifier.as_str())
        .collect();
    assert_eq!(redelivered, ["2f0c0d0a-6d0e-4a53-9f0b-0c6f6f3c9f02"]);
}

#[tokio::test]
async fn record_without_an_id_fails_the_whole_batch() {
    let memory = Memory::new(Timestamp::now());
    let without_id = BATCH.replace("2f0c0d0a-6d0e-4a53-9f0b-0c6f6f3c9f02", "");

    assert!(handle(&memory.drain(), event(&without_id)).await.is_err());
}

/// A call takes up to twelve seconds, and the answer to the queue two.
#[tokio::test]
async fn no_call_starts_without_enough_time_left_to_settle_and_answer() {
    for (seconds, calls) in [(13, 0), (15, 1)] {
        let (memory, batch) = with_one_lead().await;
        let deadline = memory.clock.now() + SignedDuration::from_secs(seconds);

        let answer = handle(&memory.drain(), event_with_deadline(&batch, deadline)).await;

        assert_eq!(memory.crm.count(Call::SignUp), calls, "{seconds}");
        assert!(answer.unwrap().batch_item_failures.is_empty());
    }
}
