//! Access tokens, refreshed by one worker at a time.
//!
//! Rotating refresh tokens are single use, and Constant Contact documents no grace. So a worker takes a lease
//! (which re-reads the row and records the generation it means to store), refreshes, stores the new pair before
//! anyone uses it, and only then advances the row. Whatever step a worker dies at, the next one finds either a
//! stored pair that is newer than the row, or a lapsed lease and one try with the old token.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::app::connect::publish;
use crate::app::moment::{Awaited, REFRESH_TAKES, await_moment};
use crate::domain::connection::{
    COOLDOWN, Connection, ConnectionStatus, LEASE_FOR, Lease, ReconnectReason, RefreshDecision,
};
use crate::domain::ids::{AppId, CustomerId};
use crate::domain::lead::WaitReason;
use crate::domain::token::{Grant, StoredTokens};
use crate::ports::{
    Advanced, Apps, Authorization, Budget, Clock, Connections, Dice, Kept, Leased, Ledger,
    StoreError, TokenError, Vault, Wiring,
};

/// How long one caller waits for another's refresh before it gives the work back.
const PATIENCE: SignedDuration = SignedDuration::from_secs(8);

/// How often it looks meanwhile.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_millis(250);

/// How often a rotated pair is offered to the vault before the worker gives up on it.
const KEEP_TRIES: u32 = 4;

/// Keeps connections supplied with tokens.
pub struct TokenKeeper<W: Wiring> {
    /// Connections.
    pub connections: W::Directory,
    /// Their tokens.
    pub vault: W::Vault,
    /// Applications.
    pub apps: W::Apps,
    /// The token endpoint.
    pub oauth: W::OAuth,
    /// The token endpoint's limit.
    pub budget: W::Budget,
    /// Who hears of a connection's end.
    pub events: W::Events,
    /// Leads that wait for a connection.
    pub ledger: W::Ledger,
    /// The time.
    pub clock: W::Clock,
    /// Names for leases.
    pub dice: W::Dice,
    /// The stack this is: another stack's connections are not refreshed.
    pub stack: String,
    /// Pairs seen before, by customer: good as long as the row says their generation.
    pub seen: Seen,
}

/// What a warm function remembers: token pairs, and idle connections that it has looked after lately.
#[derive(Default)]
pub struct Seen {
    pairs: Mutex<HashMap<CustomerId, StoredTokens>>,
    tried: Mutex<HashMap<CustomerId, Timestamp>>,
}

/// A token to call with.
#[derive(Debug, Clone)]
pub struct Access {
    /// Bearer token.
    pub token: SecretString,
    /// Its generation, to be named when the API refuses it.
    pub generation: u64,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A person has to do something first.
    #[error("the connection cannot be used")]
    Waits(WaitReason),
    /// Not now: a refresh is under way elsewhere, or has failed for a passing reason.
    #[error("the token is not to be had before {until}")]
    Busy {
        /// When to ask again.
        until: Timestamp,
    },
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How one try at a refresh ended.
enum Refreshed {
    /// With a token.
    Access(Access),
    /// Something changed; decide anew.
    Again,
}

impl<W: Wiring> TokenKeeper<W> {
    /// A token for a customer's account, refreshed where need be and there is time for it before `end`, when whoever
    /// asks may be cut off. `rejected` is the generation that the API has just refused.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn access(
        &self,
        customer: &CustomerId,
        rejected: Option<u64>,
        end: Timestamp,
    ) -> Result<Access, AccessError> {
        let give_up = self.clock.now() + PATIENCE;
        loop {
            let connection = self.connections.connection(customer).await?;
            let Some(connection) = connection else {
                return Err(AccessError::Waits(WaitReason::NotConnected));
            };
            let now = self.clock.now();
            let still_good =
                now < connection.token_expires_at && rejected != Some(connection.generation);
            let until = match connection.refresh_decision(&self.stack, rejected, now) {
                RefreshDecision::Impossible(why) => {
                    if connection.stack != self.stack {
                        tracing::error!(customer.id = %customer, "the connection is another stack's, which alone may refresh it");
                    }
                    return Err(AccessError::Waits(why));
                }
                RefreshDecision::Due(_) => match self.refresh(&connection, end).await {
                    Ok(Refreshed::Access(access)) => return Ok(access),
                    Err(AccessError::Busy { until }) if still_good => until,
                    Ok(Refreshed::Again) => now + LOOK_AGAIN,
                    Err(error) => return Err(error),
                },
                RefreshDecision::NotBefore(until) => until,
                RefreshDecision::Fresh => now + LOOK_AGAIN,
            };
            if still_good && let Some(access) = self.stored(&connection, rejected).await? {
                return Ok(access);
            }
            if now >= give_up || connection.cooldown_until.is_some_and(|until| until > now) {
                return Err(AccessError::Busy { until });
            }
            self.clock.sleep_until(now + LOOK_AGAIN).await;
        }
    }

    /// The stored pair, if it is as new as the row says.
    async fn stored(
        &self,
        connection: &Connection,
        rejected: Option<u64>,
    ) -> Result<Option<Access>, StoreError> {
        let pair = match self.seen.get(&connection.customer, connection.generation) {
            Some(pair) => Some(pair),
            None => self.vault.tokens(&connection.customer).await?,
        };
        let Some(pair) = pair else { return Ok(None) };
        let usable = pair.generation >= connection.generation && rejected != Some(pair.generation);
        Ok(usable.then(|| self.seen.remember(&connection.customer, pair)))
    }

    /// Whether a refresh that is begun now is not cut off at `end`.
    pub(super) fn has_time(&self, end: Timestamp) -> bool {
        self.clock.now() + REFRESH_TAKES <= end
    }

    /// One try at a refresh, under a lease.
    async fn refresh(
        &self,
        connection: &Connection,
        end: Timestamp,
    ) -> Result<Refreshed, AccessError> {
        let (customer, now) = (&connection.customer, self.clock.now());
        if !self.has_time(end) {
            let until = now + COOLDOWN;
            return Err(AccessError::Busy { until });
        }
        let owner = hex::encode(self.dice.roll());
        let lease = Lease {
            owner: owner.clone(),
            until: now + LEASE_FOR,
            intent: connection.generation + 1,
        };
        let row = match self
            .connections
            .lease(customer, connection.generation, &lease, now)
            .await?
        {
            Leased::Granted(row) => row,
            Leased::Denied(_) => return Ok(Refreshed::Again),
        };
        match self.refresh_leased(&row).await {
            Ok(refreshed) => Ok(refreshed),
            Err(RefreshError::Dead(reason)) => self.bury(&row, reason).await,
            Err(RefreshError::Unkept) => Err(AccessError::Busy { until: lease.until }),
            // The lapsed lease said that the old token may be used up. Who could not find out leaves that mark.
            Err(RefreshError::Passing { .. } | RefreshError::Store(_))
                if connection.lease.is_some() =>
            {
                Err(AccessError::Busy { until: lease.until })
            }
            Err(RefreshError::Passing { until }) => {
                self.connections
                    .release(customer, &owner, Some(until))
                    .await?;
                Err(AccessError::Busy { until })
            }
            Err(RefreshError::Store(error)) => {
                tracing::error!(customer.id = %customer, error = &error as &dyn std::error::Error, "a token could not be read");
                self.connections
                    .release(customer, &owner, Some(now + COOLDOWN))
                    .await?;
                Err(AccessError::Busy {
                    until: now + COOLDOWN,
                })
            }
        }
    }

    async fn refresh_leased(&self, row: &Connection) -> Result<Refreshed, RefreshError> {
        let Some(old) = self.vault.tokens(&row.customer).await? else {
            return Err(RefreshError::Dead(ReconnectReason::TokenLost));
        };
        if old.generation > row.generation {
            return self.advance(row, old).await;
        }
        let grant = match self.call(row, &old).await {
            Ok(grant) => grant,
            Err(RefreshError::Dead(reason)) => {
                return self.newer(row).await?.ok_or(RefreshError::Dead(reason));
            }
            Err(error) => return Err(error),
        };
        let new = StoredTokens {
            generation: row.generation + 1,
            tokens: grant.renew(&old.tokens),
        };
        self.keep(row, new).await
    }

    /// Asks the token endpoint, once more with credentials read anew where it does not know the old ones.
    async fn call(&self, row: &Connection, old: &StoredTokens) -> Result<Grant, RefreshError> {
        let mut anew = false;
        loop {
            let now = self.clock.now();
            let cooldown = RefreshError::Passing {
                until: now + COOLDOWN,
            };
            let Some(app) = self.apps.credentials(&row.app, anew).await? else {
                tracing::error!(app.id = %row.app, "the application's secret is not set");
                return Err(cooldown);
            };
            self.await_turn(&row.app).await?;
            match self.oauth.refresh(&app, &old.tokens.refresh).await {
                Ok(grant) => return Ok(grant),
                Err(TokenError::InvalidGrant) => {
                    return Err(RefreshError::Dead(ReconnectReason::InvalidGrant));
                }
                Err(TokenError::InvalidClient) if !anew => anew = true,
                Err(error) => {
                    tracing::warn!(customer.id = %row.customer, error = %error, "a token was not refreshed");
                    if error == TokenError::Throttled {
                        self.tell_throttled(&row.app).await;
                    }
                    return Err(cooldown);
                }
            }
        }
    }

    /// Has everybody leave the token endpoint alone for a while, which is full for all connections of the application.
    async fn tell_throttled(&self, app: &AppId) {
        let now = self.clock.now();
        if let Err(error) = self.budget.token_throttled(app, now).await {
            tracing::warn!(
                app.id = %app, error = &error as &dyn std::error::Error,
                "that the token endpoint is busy was not written"
            );
        }
    }

    /// Waits for a moment of the token endpoint.
    async fn await_turn(&self, app: &AppId) -> Result<(), RefreshError> {
        let (clock, budget) = (&self.clock, &self.budget);
        let reserve = |_, from| budget.reserve_token_call(app, from, clock.now() + PATIENCE);
        match await_moment(clock, 1, reserve).await? {
            Awaited::Now => Ok(()),
            Awaited::NotBefore(until) => Err(RefreshError::Passing { until }),
            Awaited::Missed => {
                let until = clock.now() + COOLDOWN;
                Err(RefreshError::Passing { until })
            }
        }
    }

    /// Stores a new pair before anyone uses it. The old one is worth nothing any more, so this is tried hard; where
    /// it fails the lease is left to lapse, which tells the next worker that the old token may be used up.
    async fn keep(&self, row: &Connection, new: StoredTokens) -> Result<Refreshed, RefreshError> {
        for attempt in 1..=KEEP_TRIES {
            match self.vault.keep(&row.customer, &new).await {
                Ok(Kept::Stored) => return self.advance(row, new).await,
                Ok(Kept::Superseded) => {
                    return Ok(self.newer(row).await?.unwrap_or(Refreshed::Again));
                }
                Err(error) => {
                    tracing::error!(
                        customer.id = %row.customer, attempt, error = &error as &dyn std::error::Error,
                        "a rotated token was not stored"
                    );
                    let pause = SignedDuration::from_millis(200 * i64::from(attempt));
                    self.clock.sleep_until(self.clock.now() + pause).await;
                }
            }
        }
        Err(RefreshError::Unkept)
    }

    /// What another worker has stored meanwhile.
    async fn newer(&self, row: &Connection) -> Result<Option<Refreshed>, RefreshError> {
        match self.vault.tokens(&row.customer).await? {
            Some(newer) if newer.generation > row.generation => {
                self.advance(row, newer).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn advance(
        &self,
        row: &Connection,
        pair: StoredTokens,
    ) -> Result<Refreshed, RefreshError> {
        let current = self
            .connections
            .advance(&row.customer, pair.generation, pair.tokens.expires_at)
            .await?;
        match current {
            Advanced::No => return Ok(Refreshed::Again),
            Advanced::Revived => self.tell_revived(&row.customer).await,
            Advanced::Active => {}
        }
        Ok(Refreshed::Access(self.seen.remember(&row.customer, pair)))
    }

    /// A worker that was held up stored the newest pair after another had given the connection up: it lives, and the
    /// leads that began to wait for a person go out.
    async fn tell_revived(&self, customer: &CustomerId) {
        let now = self.clock.now();
        tracing::warn!(customer.id = %customer, "a connection that was given up works again");
        if let Err(error) = self.ledger.mark_lane(customer, now).await {
            tracing::error!(
                customer.id = %customer, error = &error as &dyn std::error::Error,
                "leads that wait for the connection are not looked at"
            );
        }
        publish(&self.events, customer, &ConnectionStatus::Active, now).await;
    }

    /// The one death of a connection: the endpoint does not know the newest refresh token there is.
    async fn bury(
        &self,
        row: &Connection,
        reason: ReconnectReason,
    ) -> Result<Refreshed, AccessError> {
        let (customer, now) = (&row.customer, self.clock.now());
        let status = ConnectionStatus::NeedsReconnect { reason, since: now };
        if !self
            .connections
            .set_status(customer, row.generation, &status)
            .await?
        {
            return Ok(Refreshed::Again);
        }
        tracing::warn!(customer.id = %customer, reason = ?reason, "a connection has to be made again");
        publish(&self.events, customer, &status, now).await;
        Err(AccessError::Waits(WaitReason::Reconnect))
    }
}

/// Why a refresh under a lease gave no token.
enum RefreshError {
    Dead(ReconnectReason),
    Passing { until: Timestamp },
    Unkept,
    Store(StoreError),
}

impl From<StoreError> for RefreshError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Seen {
    fn get(&self, customer: &CustomerId, generation: u64) -> Option<StoredTokens> {
        locked(&self.pairs)
            .get(customer)
            .filter(|pair| pair.generation == generation)
            .cloned()
    }

    fn remember(&self, customer: &CustomerId, pair: StoredTokens) -> Access {
        let access = Access {
            token: pair.tokens.access.clone(),
            generation: pair.generation,
        };
        locked(&self.pairs).insert(customer.clone(), pair);
        access
    }

    /// The idle connections that were tried since.
    pub(super) fn tried_since(&self, since: Timestamp) -> HashSet<CustomerId> {
        let mut tried = locked(&self.tried);
        tried.retain(|_, at| *at > since);
        tried.keys().cloned().collect()
    }

    pub(super) fn try_at(&self, customer: &CustomerId, now: Timestamp) {
        locked(&self.tried).insert(customer.clone(), now);
    }
}

fn locked<T>(memory: &Mutex<T>) -> MutexGuard<'_, T> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "token_keeper_tests.rs"]
mod tests;
