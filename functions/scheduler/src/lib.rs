//! Runs every minute and puts back into the queue what is due.

use lambda_runtime::{Error, LambdaEvent};
use leadfeed_shared::app::release::Release;
use leadfeed_shared::ports::Wiring;
use serde_json::{Value, json};

/// One run. What it does not reach is due still in the next.
///
/// # Errors
/// Where the ledger cannot be asked.
pub async fn handle<W: Wiring>(
    release: &Release<W>,
    _event: LambdaEvent<Value>,
) -> Result<Value, Error> {
    let released = release.run().await?;
    tracing::info!(
        stuck = released.stuck,
        waited = released.waited,
        "leads were put back into the queue"
    );
    Ok(json!({ "stuck": released.stuck, "waited": released.waited }))
}
