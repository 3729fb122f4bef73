//! Runs every minute: imports what the budget cannot carry, puts back into the queue what is due, and keeps idle
//! connections alive.

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use leadfeed_shared::app::bulk::Bulk;
use leadfeed_shared::app::gauges::Gauges;
use leadfeed_shared::app::recount::Recount;
use leadfeed_shared::app::release::Release;
use leadfeed_shared::app::token_keeper::TokenKeeper;
use leadfeed_shared::ports::{Clock as _, Metrics, Wiring};
use serde_json::{Value, json};

/// What a run is made of.
pub struct Run<W: Wiring, M> {
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
    /// Where what was measured is watched.
    pub metrics: M,
}

/// Left of the function's time when a run begins no further count.
const MARGIN: SignedDuration = SignedDuration::from_secs(20);

/// Left of it when a run takes no more leads into an import.
const RELEASE: SignedDuration = SignedDuration::from_secs(30);

/// One run. What it does not reach is due still in the next; trouble in one part does not keep the others.
///
/// # Errors
/// Where the ledger or the directory cannot be asked.
pub async fn handle<W: Wiring, M: Metrics>(
    run: &Run<W, M>,
    event: LambdaEvent<Value>,
) -> Result<Value, Error> {
    let end = Timestamp::from_millisecond(i64::try_from(event.context.deadline)?)?;
    let imported = run.bulk.run(end - RELEASE).await;
    let gathering = imported.as_ref().map(|done| done.gathering.clone());
    let released = run.release.run_beside(&gathering.unwrap_or_default()).await;
    let kept_alive = run.keeper.keep_alive().await;
    let recounted = run.recount.run(end - MARGIN).await;
    let measured = run.gauges.measure().await;
    let (imported, released, kept_alive, recounted) =
        (imported?, released?, kept_alive?, recounted?);
    let now = run.gauges.clock.now();
    run.metrics.record(now, &measured?);
    tracing::info!(
        imported = imported.delivered,
        stuck = released.stuck,
        waited = released.waited,
        kept_alive,
        recounted,
        "a run is done"
    );
    Ok(
        json!({ "imported": imported.delivered, "stuck": released.stuck, "waited": released.waited, "kept_alive": kept_alive, "recounted": recounted }),
    )
}
