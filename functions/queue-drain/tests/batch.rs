//! One batch, from queue event to answer, on ports in memory.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "../../../tests/support/bare_start.rs"]
mod bare_start;

use aws_lambda_events::sqs::SqsEvent;
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Context, LambdaEvent};
use leadfeed_shared::fakes::Memory;
use queue_drain::handle;

const BATCH: &str = include_str!("../../../events/queue-batch.json");

fn event(batch: &str) -> LambdaEvent<SqsEvent> {
    let mut context = Context::default();
    let deadline = Timestamp::now() + SignedDuration::from_secs(30);
    context.deadline = u64::try_from(deadline.as_millisecond()).unwrap();
    LambdaEvent::new(serde_json::from_str(batch).unwrap(), context)
}

#[tokio::test]
async fn a_message_nobody_can_read_comes_back_and_one_without_a_lead_is_done_with() {
    let memory = Memory::new(Timestamp::now());

    let answer = handle(&memory.drain(), event(BATCH)).await.unwrap();

    let again: Vec<_> = answer
        .batch_item_failures
        .iter()
        .map(|failure| failure.item_identifier.as_str())
        .collect();
    assert_eq!(again, ["2f0c0d0a-6d0e-4a53-9f0b-0c6f6f3c9f02"]);
}

#[tokio::test]
async fn a_record_without_an_id_brings_the_whole_batch_again() {
    let memory = Memory::new(Timestamp::now());
    let nameless = BATCH.replace("2f0c0d0a-6d0e-4a53-9f0b-0c6f6f3c9f02", "");

    assert!(handle(&memory.drain(), event(&nameless)).await.is_err());
}
