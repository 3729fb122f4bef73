//! One run, from schedule event to answer, on ports in memory.

use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use leadfeed_shared::fakes::{Memory, MemoryMetrics};
use scheduler::{Run, handle};
use serde_json::json;

const EVENT: &str = include_str!("../../../events/schedule.json");

#[tokio::test]
async fn a_run_with_nothing_to_do_does_nothing() {
    let memory = Memory::new(Timestamp::now());
    let event = LambdaEvent::new(serde_json::from_str(EVENT).unwrap(), Context::default());

    let run = Run {
        bulk: memory.bulk(),
        release: memory.release(),
        keeper: memory.keeper(),
        recount: memory.recount(),
        gauges: memory.gauges(),
        metrics: MemoryMetrics::default(),
    };

    let answer = handle(&run, event).await.unwrap();

    assert_eq!(run.metrics.last("OldestUndelivered"), Some(0.0));
    assert_eq!(
        answer,
        json!({ "imported": 0, "stuck": 0, "waited": 0, "kept_alive": 0, "recounted": 0 })
    );
}
