//! One run, from schedule event to answer, on ports in memory.

use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use leadfeed_shared::fakes::Memory;
use scheduler::handle;
use serde_json::json;

const EVENT: &str = include_str!("../../../events/schedule.json");

#[tokio::test]
async fn a_run_without_leads_releases_none() {
    let memory = Memory::new(Timestamp::now());
    let event = LambdaEvent::new(serde_json::from_str(EVENT).unwrap(), Context::default());

    let answer = handle(&memory.release(), event).await.unwrap();

    assert_eq!(answer, json!({ "stuck": 0, "waited": 0 }));
}
