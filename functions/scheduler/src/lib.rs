//! Runs every minute: does the minute's work, and measures what the alarms watch.

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use leadfeed_shared::app::canary::Canary;
use leadfeed_shared::app::scheduler::Scheduler;
use leadfeed_shared::ports::{FormEndpoint, Metrics, Wiring};
use serde_json::Value;

/// The parts of a run.
pub struct Run<W: Wiring, M, E> {
    /// Imports, releases, keeps connections alive, recounts, measures.
    pub scheduler: Scheduler<W>,
    /// Sends a test lead all the way, if the operator wants that.
    pub canary: Option<Canary<W, E>>,
    /// Where measurements are recorded.
    pub metrics: M,
}

/// One run. What it does not get to is still due in the next.
///
/// # Errors
/// If the ledger or the directory cannot be read.
pub async fn handle<W: Wiring, M: Metrics, E: FormEndpoint>(
    run: &Run<W, M, E>,
    event: LambdaEvent<Value>,
) -> Result<Value, Error> {
    let end = Timestamp::from_millisecond(i64::try_from(event.context.deadline)?)?;
    let ran = run.scheduler.run(end).await;
    let canary = run.canary.as_ref();
    let recorded = run.scheduler.record(&run.metrics, canary).await; // also if the rest of the run failed
    let ran = ran?;
    recorded?;
    tracing::info!(
        imported = ran.imported,
        stuck = ran.stuck,
        waited = ran.waited,
        kept_alive = ran.kept_alive,
        recounted = ran.recounted,
        "a run is done"
    );
    Ok(serde_json::to_value(ran)?)
}
