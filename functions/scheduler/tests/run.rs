//! One run, from schedule event to answer, on ports in memory.
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

#[path = "../../../tests/support/bare_start.rs"]
mod bare_start;

use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use leadfeed_shared::adapters::FrontDoor;
use leadfeed_shared::fakes::{Fault, Memory, MemoryMetrics};
use scheduler::{Run, handle};
use serde_json::{Value, json};

const EVENT: &str = include_str!("../../../events/schedule.json");

fn run(memory: &Memory) -> Run<Memory, MemoryMetrics, FrontDoor> {
    Run {
        minute: memory.minute(),
        canary: None,
        metrics: MemoryMetrics::default(),
    }
}

fn event() -> LambdaEvent<Value> {
    LambdaEvent::new(serde_json::from_str(EVENT).unwrap(), Context::default())
}

#[tokio::test]
async fn a_run_with_nothing_to_do_does_nothing() {
    let memory = Memory::new(Timestamp::now());
    let run = run(&memory);

    let answer = handle(&run, event()).await.unwrap();

    assert_eq!(run.metrics.last("OldestUndelivered"), Some(0.0));
    assert_eq!(
        answer,
        json!({ "imported": 0, "stuck": 0, "waited": 0, "kept_alive": 0, "recounted": 0 })
    );
}

#[tokio::test]
async fn a_part_that_fails_is_told_and_keeps_nothing_from_being_measured() {
    let memory = Memory::new(Timestamp::now());
    let run = run(&memory);

    memory.faults.next(Fault::FailBefore);

    assert!(handle(&run, event()).await.is_err());
    assert_eq!(run.metrics.last("OldestUndelivered"), Some(0.0));
}
