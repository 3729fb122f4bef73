//! Access tokens, refreshed by one worker at a time.
//!
//! Rotating refresh tokens are single use, and Constant Contact documents no grace period. So a worker takes a lease
//! (which re-reads the row and records the generation it is going to store), refreshes, stores the new pair before
//! anyone uses it, and only then advances the row. Whatever step a worker dies at, the next one finds either a stored
//! pair that is newer than the row, or a lapsed lease and one try with the old token.

mod cache;
mod keep_alive;
mod refresh;
mod store;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

pub use self::cache::TokenCache;
use self::refresh::Refreshed;
pub(crate) use self::store::{STORE_TRIES, advance, store};
use crate::app::moment::RENEWAL_TAKES;
use crate::domain::connection::{COOLDOWN, Connection, ReconnectReason, RefreshDecision};
use crate::domain::ids::CustomerId;
use crate::domain::lead::WaitReason;
use crate::ports::{Clock as _, Connections as _, StoreError, Vault as _, Wiring, causes};

/// How long one caller waits for another's refresh before it gives up.
const MAX_WAIT: SignedDuration = SignedDuration::from_secs(8);

/// How long it waits between its checks meanwhile.
const POLL_INTERVAL: SignedDuration = SignedDuration::from_millis(250);

/// Keeps connections supplied with tokens.
pub struct TokenKeeper<W: Wiring> {
    /// Connections.
    pub directory: W::Directory,
    /// Their tokens.
    pub vault: W::Vault,
    /// Applications.
    pub apps: W::Apps,
    /// The token endpoint.
    pub oauth: W::OAuth,
    /// The token endpoint's limit.
    pub budget: W::Budget,
    /// Where the end of a connection is published.
    pub events: W::Events,
    /// Leads that wait for a connection.
    pub ledger: W::Ledger,
    /// The time.
    pub clock: W::Clock,
    /// Names for leases.
    pub random: W::SecureRandom,
    /// The name of this stack: another stack's connections have to be made again.
    pub stack: String,
    /// Pairs seen before, by customer: valid as long as the row has their generation.
    pub cache: TokenCache,
}

/// A token to call with.
#[derive(Debug, Clone)]
pub struct Access {
    /// Bearer token.
    pub token: SecretString,
    /// Its generation, to be named if the API refuses it.
    pub generation: u64,
    /// Whether it was granted for contacts.
    pub is_for_contacts: bool,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A person has to do something first.
    #[error("the connection cannot be used")]
    Waits(WaitReason),
    /// Not now: a refresh is under way elsewhere, or has failed for a temporary reason.
    #[error("the token is not to be had before {until}")]
    Busy {
        /// When to ask again.
        until: Timestamp,
    },
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<W: Wiring> TokenKeeper<W> {
    /// A token for a customer's account, refreshed if necessary and if there is time before `end`, when the caller may
    /// be cut off. `rejected` is the generation that the API has just refused.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn access(
        &self,
        customer: &CustomerId,
        rejected: Option<u64>,
        end: Timestamp,
    ) -> Result<Access, AccessError> {
        let give_up_at = self.clock.now() + MAX_WAIT;
        loop {
            let connection = self.directory.connection(customer).await?;
            let Some(connection) = connection else {
                return Err(AccessError::Waits(WaitReason::NotConnected));
            };
            let now = self.clock.now();
            let still_valid =
                now < connection.token_expires_at && rejected != Some(connection.generation);
            let until = match connection.refresh_decision(&self.stack, rejected, now) {
                RefreshDecision::Impossible(why) => return Err(AccessError::Waits(why)),
                RefreshDecision::OtherStack => {
                    self.mark_needs_reconnect(&connection, ReconnectReason::TokenLost)
                        .await?;
                    continue;
                }
                RefreshDecision::Due => match self.refresh(&connection, end).await {
                    Ok(Refreshed::Access(access)) => return Ok(access),
                    Err(AccessError::Busy { until }) if still_valid => until,
                    Err(AccessError::Store(error)) if still_valid => {
                        tracing::warn!(customer.id = %customer, error = %causes(&error), "a token was not refreshed");
                        now + COOLDOWN
                    }
                    Ok(Refreshed::Again) => now + POLL_INTERVAL,
                    Err(error) => return Err(error),
                },
                RefreshDecision::NotBefore(until) => until,
                RefreshDecision::Fresh => now + POLL_INTERVAL,
            };
            if still_valid && let Some(access) = self.stored(&connection, rejected).await? {
                return Ok(access);
            }
            if now >= give_up_at || connection.cooldown_until.is_some_and(|until| until > now) {
                return Err(AccessError::Busy { until });
            }
            self.clock.sleep_until(now + POLL_INTERVAL).await;
        }
    }

    /// The stored pair, if it is as new as the row says.
    async fn stored(
        &self,
        connection: &Connection,
        rejected: Option<u64>,
    ) -> Result<Option<Access>, StoreError> {
        let pair = match self.cache.get(&connection.customer, connection.generation) {
            Some(pair) => Some(pair),
            None => self.vault.tokens(&connection.customer).await?,
        };
        let Some(pair) = pair else { return Ok(None) };
        let usable = pair.generation >= connection.generation
            && rejected != Some(pair.generation)
            && (pair.generation == connection.generation
                || self.is_same_account(connection).await?);
        Ok(usable.then(|| self.cache.remember(&connection.customer, pair)))
    }

    /// Whether a pair that is newer than the row appeared to be is the same account's: it is stored before the row says
    /// so, and one of another account only once the row is held.
    async fn is_same_account(&self, connection: &Connection) -> Result<bool, StoreError> {
        let row = self.directory.connection(&connection.customer).await?;
        Ok(row.is_some_and(|row| row.is_usable() && row.account.id == connection.account.id))
    }

    /// Whether a refresh that begins now is not cut off at `end`.
    fn has_time(&self, end: Timestamp) -> bool {
        self.clock.now() + MAX_WAIT + RENEWAL_TAKES <= end
    }
}
