//! One refresh, under a lease.

use jiff::{SignedDuration, Timestamp};

use super::{Access, AccessError, MAX_WAIT, POLL_INTERVAL, TokenKeeper, advance, store};
use crate::app::moment::{Next, RENEWAL_TAKES, await_moment};
use crate::app::publish::publish_status;
use crate::domain::budget::{CallClass, Meter, Pause};
use crate::domain::connection::{
    COOLDOWN, Connection, ConnectionStatus, LEASE_FOR, Lease, ReconnectReason,
};
use crate::domain::ids::AppId;
use crate::domain::lead::WaitReason;
use crate::domain::token::{Grant, StoredTokens};
use crate::ports::{
    AdvanceOutcome, Apps as _, Authorization as _, Budget as _, Clock as _, Connections as _,
    SecureRandom as _, StoreError, StoreOutcome, TokenError, Vault as _, Wiring, causes,
};

/// How one try at a refresh ended.
pub(super) enum Refreshed {
    /// With a token.
    Access(Access),
    /// Something changed; decide again.
    Again,
}

/// Why a refresh under a lease gave no token.
enum RefreshError {
    NeedsReconnect(ReconnectReason),
    Temporary { until: Timestamp },
    NotStored,
    Store(StoreError),
}

impl From<StoreError> for RefreshError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<W: Wiring> TokenKeeper<W> {
    /// One try at a refresh, under a lease.
    pub(super) async fn refresh(
        &self,
        connection: &Connection,
        end: Timestamp,
    ) -> Result<Refreshed, AccessError> {
        let (customer, now) = (&connection.customer, self.clock.now());
        if !self.has_time(end) {
            let until = now + COOLDOWN;
            return Err(AccessError::Busy { until });
        }
        let owner = self.random.owner_name();
        let lease = Lease {
            owner: owner.clone(),
            until: now + LEASE_FOR,
            intent: connection.generation + 1,
        };
        let Some(row) = self
            .directory
            .lease(customer, connection.generation, &lease, now)
            .await?
        else {
            return Ok(Refreshed::Again);
        };
        match self.refresh_leased(&row, end).await {
            Ok(refreshed) => Ok(refreshed),
            Err(RefreshError::NeedsReconnect(reason)) => {
                self.mark_needs_reconnect(&row, reason).await
            }
            Err(RefreshError::NotStored) => Err(AccessError::Busy { until: lease.until }),
            // The lapsed lease said that the old token may be used up. A worker that could not find out leaves that
            // mark.
            Err(RefreshError::Temporary { .. }) if connection.lease.is_some() => {
                Err(AccessError::Busy { until: lease.until })
            }
            Err(RefreshError::Store(error)) if connection.lease.is_some() => Err(error.into()),
            Err(RefreshError::Temporary { until }) => {
                self.directory.release(customer, &owner, until).await?;
                Err(AccessError::Busy { until })
            }
            Err(RefreshError::Store(error)) => {
                self.directory
                    .release(customer, &owner, now + COOLDOWN)
                    .await?;
                Err(error.into())
            }
        }
    }

    async fn refresh_leased(
        &self,
        row: &Connection,
        end: Timestamp,
    ) -> Result<Refreshed, RefreshError> {
        let Some(old) = self.vault.tokens(&row.customer).await? else {
            return self.without_pair(row).await;
        };
        if old.generation > row.generation {
            return self.advance(row, old).await;
        }
        if old.generation < row.generation {
            // The refresh token of an older pair is used up. The newest pair was stored and may not be visible yet, but
            // is lost if its token has expired meanwhile.
            if row.token_expires_at <= self.clock.now() {
                return Err(RefreshError::NeedsReconnect(ReconnectReason::TokenLost));
            }
            return Err(StoreError::new("the vault is behind the row").into());
        }
        let grant = match self.call(row, &old, end).await {
            Ok(grant) => grant,
            Err(RefreshError::NeedsReconnect(reason)) => {
                return self
                    .newer_pair(row)
                    .await?
                    .ok_or(RefreshError::NeedsReconnect(reason));
            }
            Err(error) => return Err(error),
        };
        let new = StoredTokens {
            generation: row.generation + 1,
            tokens: grant.renew(&old.tokens),
        };
        self.store(row, new).await
    }

    /// Calls the token endpoint, and again with newly read credentials if it does not know the old ones.
    async fn call(
        &self,
        row: &Connection,
        old: &StoredTokens,
        end: Timestamp,
    ) -> Result<Grant, RefreshError> {
        let mut reread = false;
        loop {
            let until = self.clock.now() + COOLDOWN;
            let Some(app) = self.apps.credentials(&row.app, reread).await? else {
                let message = format!("the secret of the application {} is not set", row.app);
                return Err(StoreError::new(message).into());
            };
            self.await_turn(&row.app, end).await?;
            match self.oauth.refresh(&app, &old.tokens.refresh).await {
                Ok(grant) => return Ok(grant),
                Err(TokenError::InvalidGrant) => {
                    return Err(RefreshError::NeedsReconnect(ReconnectReason::InvalidGrant));
                }
                Err(TokenError::InvalidClient) if !reread => reread = true,
                Err(error) => {
                    tracing::warn!(customer.id = %row.customer, error = %error, "a token was not refreshed");
                    let mut until = until;
                    if let TokenError::Throttled { retry_after } = error {
                        self.pause_endpoint(&row.app, retry_after).await;
                        until = until.max(self.clock.now() + retry_after);
                    }
                    return Err(RefreshError::Temporary { until });
                }
            }
        }
    }

    /// Stops all calls to the token endpoint for a while: its limit is the same for all connections of the application.
    async fn pause_endpoint(&self, app: &AppId, retry_after: SignedDuration) {
        let (now, pause) = (self.clock.now(), Pause::For(retry_after));
        if let Err(error) = self.budget.pause(Meter::Token(app), now, pause).await {
            tracing::warn!(
                app.id = %app, error = %causes(&error),
                "that the token endpoint is busy was not written"
            );
        }
    }

    /// Waits for a moment of the token endpoint at which a refresh is not cut off at `end`: earlier steps may have
    /// taken the time.
    async fn await_turn(&self, app: &AppId, end: Timestamp) -> Result<(), RefreshError> {
        let (clock, budget) = (&self.clock, &self.budget);
        let latest = end - RENEWAL_TAKES;
        let later = || RefreshError::Temporary {
            until: clock.now() + COOLDOWN,
        };
        if latest < clock.now() {
            return Err(later());
        }
        let (meter, class) = (Meter::Token(app), CallClass::Interactive);
        let reserve = |want, from| {
            let horizon = latest.min(clock.now() + MAX_WAIT);
            budget.reserve(meter, class, want, from, horizon)
        };
        match await_moment(clock, 1, reserve).await? {
            Next::At(_) => Ok(()),
            Next::NotBefore(until) => Err(RefreshError::Temporary { until }),
            Next::Missed => Err(later()),
        }
    }

    /// Stores a new pair before anyone uses it. If that fails, the lease is left to lapse, which tells the next worker
    /// that the old pair may be used up.
    async fn store(&self, row: &Connection, new: StoredTokens) -> Result<Refreshed, RefreshError> {
        match store(&self.vault, &self.clock, &row.customer, &new).await {
            Ok(StoreOutcome::Stored) => self.advance(row, new).await,
            Ok(StoreOutcome::Superseded) => {
                Ok(self.newer_pair(row).await?.unwrap_or(Refreshed::Again))
            }
            Err(_) => Err(RefreshError::NotStored),
        }
    }

    /// What to do if no pair is stored. Whoever ends a connection deletes its pair a moment before the row says so, and
    /// must not be told that it has to be made again.
    async fn without_pair(&self, row: &Connection) -> Result<Refreshed, RefreshError> {
        self.clock
            .sleep_until(self.clock.now() + POLL_INTERVAL)
            .await;
        let now = self.directory.connection(&row.customer).await?;
        let still_connected =
            now.is_some_and(|now| now.generation == row.generation && now.is_usable());
        if still_connected {
            return Err(RefreshError::NeedsReconnect(ReconnectReason::TokenLost));
        }
        Ok(Refreshed::Again)
    }

    /// The pair that another worker has stored meanwhile, if any.
    async fn newer_pair(&self, row: &Connection) -> Result<Option<Refreshed>, RefreshError> {
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
        let (rows, ledger, events) = (&self.directory, &self.ledger, &self.events);
        let now = self.clock.now();
        match advance(rows, ledger, events, &row.customer, &pair, now).await? {
            AdvanceOutcome::NotAdvanced => Ok(Refreshed::Again),
            AdvanceOutcome::Active | AdvanceOutcome::Revived => {
                Ok(Refreshed::Access(self.cache.remember(&row.customer, pair)))
            }
        }
    }

    /// Marks a connection as one that needs a reconnect: the endpoint does not know the newest refresh token, or none is stored here.
    pub(super) async fn mark_needs_reconnect(
        &self,
        row: &Connection,
        reason: ReconnectReason,
    ) -> Result<Refreshed, AccessError> {
        let (customer, now) = (&row.customer, self.clock.now());
        let status = ConnectionStatus::NeedsReconnect { reason, since: now };
        if !self
            .directory
            .set_status(customer, row.generation, &status)
            .await?
        {
            return Ok(Refreshed::Again);
        }
        tracing::warn!(customer.id = %customer, reason = ?reason, "a connection has to be made again");
        publish_status(&self.events, customer, &status, now).await;
        Err(AccessError::Waits(WaitReason::Reconnect))
    }
}
