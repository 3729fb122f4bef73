use jiff::{SignedDuration, Timestamp};

use crate::app::publish::publish_status;
use crate::domain::connection::ConnectionStatus;
use crate::domain::ids::CustomerId;
use crate::domain::token::StoredTokens;
use crate::ports::{
    AdvanceOutcome, Clock, Connections, Events, Lanes, StoreError, StoreOutcome, Vault, causes,
};

/// How often storing a pair is tried before giving up.
pub(crate) const STORE_TRIES: u32 = 4;

/// Stores a new pair. What it was granted for is used up and worthless now, so this is tried hard.
pub(crate) async fn store(
    vault: &impl Vault,
    clock: &impl Clock,
    customer: &CustomerId,
    pair: &StoredTokens,
) -> Result<StoreOutcome, StoreError> {
    let mut attempt = 1;
    loop {
        let error = match vault.store(customer, pair).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        tracing::error!(
            customer.id = %customer, attempt, error = %causes(&error),
            "a new token was not stored"
        );
        if attempt == STORE_TRIES {
            return Err(error);
        }
        let pause = SignedDuration::from_millis(200 * i64::from(attempt));
        clock.sleep_until(clock.now() + pause).await;
        attempt += 1;
    }
}

/// Advances the row to a pair that is stored.
///
/// A worker that was held up with the newest pair, and stores it after another had given the connection up, revives it:
/// the leads that began to wait for a person go out.
pub(crate) async fn advance(
    rows: &impl Connections,
    ledger: &impl Lanes,
    events: &impl Events,
    customer: &CustomerId,
    pair: &StoredTokens,
    now: Timestamp,
) -> Result<AdvanceOutcome, StoreError> {
    let (generation, expires_at) = (pair.generation, pair.tokens.expires_at);
    let advanced = rows.advance(customer, generation, expires_at).await?;
    if advanced == AdvanceOutcome::Revived {
        tracing::warn!(customer.id = %customer, "a connection that was given up works again");
        if let Err(error) = ledger.mark_lane(customer, now).await {
            tracing::error!(
                customer.id = %customer, error = %causes(&error),
                "leads that wait for the connection are not looked at"
            );
        }
        publish_status(events, customer, &ConnectionStatus::Active, now).await;
    }
    Ok(advanced)
}
