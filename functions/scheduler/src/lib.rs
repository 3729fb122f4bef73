//! Runs every minute: imports what the budget cannot carry, puts back into the queue what is due, and keeps idle
//! connections alive.

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use leadfeed_shared::app::bulk::{Bulk, Imported};
use leadfeed_shared::app::canary::Canary;
use leadfeed_shared::app::gauges::Gauges;
use leadfeed_shared::app::recount::Recount;
use leadfeed_shared::app::release::Release;
use leadfeed_shared::app::token_keeper::TokenKeeper;
use leadfeed_shared::ports::{Clock as _, Door, Metrics, StoreError, Wiring};
use serde_json::{Value, json};

/// What a run is made of.
pub struct Run<W: Wiring, M, D> {
    /// Imports leads.
    pub bulk: Bulk<W>,
    /// Releases leads.
    pub release: Release<W>,
    /// Keeps connections alive.
    pub keeper: TokenKeeper<W>,
    /// Counts leads anew.
    pub recount: Recount<W>,
    /// Measures.
    pub gauges: Gauges<W>,
    /// Sends a lead the whole way, where the operator wants one.
    pub canary: Option<Canary<W, D>>,
    /// Where what was measured is watched.
    pub metrics: M,
}

/// Left of the function's time when a run begins no further count.
const MARGIN: SignedDuration = SignedDuration::from_secs(20);

/// Left of it when a run is done with imports: a call of theirs then has had its time, and may have waited for its
/// moment behind those of all drains.
const RELEASE: SignedDuration = SignedDuration::from_secs(20);

/// One run. What it does not reach is due still in the next; trouble in one part does not keep the others.
///
/// # Errors
/// Where the ledger or the directory cannot be asked.
pub async fn handle<W: Wiring, M: Metrics, D: Door>(
    run: &Run<W, M, D>,
    event: LambdaEvent<Value>,
) -> Result<Value, Error> {
    let end = Timestamp::from_millisecond(i64::try_from(event.context.deadline)?)?;
    let mut imports = Imported::default();
    let imported = run.bulk.run_into(&mut imports, end - RELEASE).await;
    let released = run.release.run_beside(&imports.gathering).await;
    let kept_alive = run.keeper.keep_alive(end).await;
    let recounted = run.recount.run(end - MARGIN).await;
    let measured = measure(run).await;
    imported?;
    let (released, kept_alive, recounted) = (released?, kept_alive?, recounted?);
    measured?;
    tracing::info!(
        imported = imports.delivered,
        stuck = released.stuck,
        waited = released.waited,
        kept_alive,
        recounted,
        "a run is done"
    );
    Ok(
        json!({ "imported": imports.delivered, "stuck": released.stuck, "waited": released.waited, "kept_alive": kept_alive, "recounted": recounted }),
    )
}

/// Records what alarms watch, whatever became of the rest of the run.
async fn measure<W: Wiring, M: Metrics, D: Door>(run: &Run<W, M, D>) -> Result<(), StoreError> {
    let gauges = run.gauges.measure().await?;
    run.metrics.record(run.gauges.clock.now(), &gauges);
    if let Some(canary) = &run.canary {
        let late = canary.run().await?;
        run.metrics.record(run.gauges.clock.now(), &[late]);
    }
    Ok(())
}
