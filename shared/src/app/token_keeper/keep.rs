use jiff::SignedDuration;

use crate::domain::ids::CustomerId;
use crate::domain::token::StoredTokens;
use crate::ports::{Clock, Kept, StoreError, Vault};

/// How often a pair is offered to the vault before that is given up.
pub(crate) const KEEP_TRIES: u32 = 4;

/// Stores a new pair. What it was granted for is used up and worth nothing any more, so this is tried hard.
pub(crate) async fn keep(
    vault: &impl Vault,
    clock: &impl Clock,
    customer: &CustomerId,
    pair: &StoredTokens,
) -> Result<Kept, StoreError> {
    let mut attempt = 1;
    loop {
        let error = match vault.keep(customer, pair).await {
            Ok(kept) => return Ok(kept),
            Err(error) => error,
        };
        tracing::error!(
            customer.id = %customer, attempt, error = &error as &dyn std::error::Error,
            "a new token was not stored"
        );
        if attempt == KEEP_TRIES {
            return Err(error);
        }
        let pause = SignedDuration::from_millis(200 * i64::from(attempt));
        clock.sleep_until(clock.now() + pause).await;
        attempt += 1;
    }
}
