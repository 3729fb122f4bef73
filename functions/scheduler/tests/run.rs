//! One run, from schedule event to answer, on ports in memory.
#![expect(clippy::unwrap_used, reason = "a failing step fails the test")]

#[path = "../../../tests/support/bare_start.rs"]
mod bare_start;

use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Context, LambdaEvent};
use leadfeed_shared::app::canary::{Addresses, Canary};
use leadfeed_shared::domain::email::EmailAddress;
use leadfeed_shared::domain::ids::FormId;
use leadfeed_shared::fakes::{Fault, Memory, MemoryMetrics, samples};
use leadfeed_shared::ports::{Clock as _, Customers as _, FormEndpoint, Forms as _, StoreError};
use scheduler::{Run, handle};
use serde_json::{Value, json};

const EVENT: &str = include_str!("../../../events/schedule.json");

/// A form endpoint that notes which metric was recorded before it was called.
#[derive(Default)]
struct ObservingEndpoint {
    metrics: MemoryMetrics,
    recorded_before: OnceLock<Option<f64>>,
}

impl FormEndpoint for ObservingEndpoint {
    async fn post(&self, _: &FormId, _: &EmailAddress, _: &str) -> Result<(), StoreError> {
        let recorded = self.metrics.last("OldestUndelivered");
        self.recorded_before.set(recorded).unwrap();
        Ok(())
    }
}

fn run(memory: &Memory) -> Run<Memory, MemoryMetrics, ObservingEndpoint> {
    Run {
        scheduler: memory.scheduler(),
        canary: None,
        metrics: MemoryMetrics::default(),
    }
}

/// The same with a canary and its form.
async fn run_with_canary(memory: &Memory) -> Run<Memory, MemoryMetrics, ObservingEndpoint> {
    let form = samples::form();
    memory.directory.put_form(&form).await.unwrap();
    let run = run(memory);
    let endpoint = ObservingEndpoint {
        metrics: run.metrics.clone(),
        ..ObservingEndpoint::default()
    };
    let mailbox = "canary@operator.example".parse().unwrap();
    let canary = Canary {
        ledger: memory.ledger.clone(),
        directory: memory.directory.clone(),
        endpoint,
        clock: memory.clock.clone(),
        form: form.id,
        addresses: Addresses::of(&mailbox).unwrap(),
    };
    Run {
        canary: Some(canary),
        ..run
    }
}

/// An event for a function with as much time as it has on Lambda.
fn event(memory: &Memory) -> LambdaEvent<Value> {
    event_with_time(memory, 55)
}

fn event_with_time(memory: &Memory, seconds: i64) -> LambdaEvent<Value> {
    let deadline = memory.clock.now() + SignedDuration::from_secs(seconds);
    let mut context = Context::default();
    context.deadline = u64::try_from(deadline.as_millisecond()).unwrap();
    LambdaEvent::new(serde_json::from_str(EVENT).unwrap(), context)
}

#[tokio::test]
async fn a_run_with_nothing_to_do_does_nothing() {
    let memory = Memory::new(Timestamp::now());
    let run = run(&memory);

    let answer = handle(&run, event(&memory)).await.unwrap();

    assert_eq!(run.metrics.last("OldestUndelivered"), Some(0.0));
    assert_eq!(
        answer,
        json!({ "imported": 0, "stuck": 0, "waited": 0, "kept_alive": 0, "recounted": 0 })
    );
}

#[tokio::test]
async fn run_releases_stuck_leads_and_recounts_only_if_time_is_left() {
    for (seconds, recounted) in [(55, 1), (20, 0)] {
        let memory = Memory::new("2026-11-23T12:00:00Z".parse().unwrap());
        let (form, customer) = (samples::form(), samples::customer(memory.clock.now()));
        memory.directory.put_customer(&customer).await.unwrap();
        let ada = [("email", "ada@example.com")];
        memory.sign_up(&form, &ada).await;
        memory.drain_all().await; // waits for a connection, and is counted as waiting
        let bob = [("email", "bob@example.com")];
        memory.sign_up(&form, &bob).await;
        memory.clock.advance(SignedDuration::from_hours(7));

        let answer = handle(&run(&memory), event_with_time(&memory, seconds)).await;

        assert_eq!(
            answer.unwrap(),
            json!({ "imported": 0, "stuck": 1, "waited": 0, "kept_alive": 0, "recounted": recounted }),
            "{seconds}"
        );
    }
}

#[tokio::test]
async fn failed_step_fails_the_run_but_metrics_are_still_recorded() {
    let memory = Memory::new(Timestamp::now());
    let run = run(&memory);

    memory.faults.next(Fault::FailBefore);

    assert!(handle(&run, event(&memory)).await.is_err());
    assert_eq!(run.metrics.last("OldestUndelivered"), Some(0.0));
}

#[tokio::test]
async fn alarm_metrics_are_recorded_before_the_canary_is_sent() {
    let memory = Memory::new(Timestamp::now());
    let run = run_with_canary(&memory).await;

    handle(&run, event(&memory)).await.unwrap();

    let endpoint = &run.canary.as_ref().unwrap().endpoint;
    assert_eq!(endpoint.recorded_before.get(), Some(&Some(0.0)));
    assert_eq!(run.metrics.last("CanaryLate"), Some(86_400.0));
}

#[tokio::test]
async fn run_fails_if_the_canary_cannot_be_looked_up() {
    let memory = Memory::new(Timestamp::now());
    let run = run_with_canary(&memory).await;
    let before = memory.faults.steps();
    handle(&run, event(&memory)).await.unwrap();
    let lookup = 2 * memory.faults.steps() - before; // the canary's lookup is the last step of a run

    memory.faults.at(lookup, Fault::FailBefore);

    assert!(handle(&run, event(&memory)).await.is_err());
}
