//! Where a newly granted pair of tokens is stored.
//!
//! Constant Contact ends the pairs that a user was granted for the application before. So if one of them is in use, the
//! new one replaces it at once, as after a refresh, before anything is asked that can fail: whatever becomes of the
//! connection it was granted for, what worked goes on working.

use jiff::SignedDuration;

use super::{Connect, ConnectError};
use crate::app::token_keeper::{STORE_TRIES, advance, store};
use crate::domain::connection::{Connection, ConnectionStatus};
use crate::domain::handshake::Handshake;
use crate::domain::ids::CustomerId;
use crate::domain::token::{StoredTokens, Subject, Tokens};
use crate::ports::{
    AdvanceOutcome, Clock as _, Connections as _, StoreError, StoreOutcome, Subjects as _,
    Vault as _, Wiring,
};

/// How long a user counts as another customer's although its connection has no tokens from them: it may be in the
/// making.
const PENDING_FOR: SignedDuration = SignedDuration::from_mins(1);

/// A connection that nobody has ended or given up, and its pair.
pub(super) struct InUse {
    row: Connection,
    pair: StoredTokens,
}

impl InUse {
    fn is_of(&self, subject: &Subject) -> bool {
        is_of(&self.pair, &self.row, subject)
    }
}

fn is_of(pair: &StoredTokens, row: &Connection, subject: &Subject) -> bool {
    pair.tokens.subject(&row.app).as_ref() == Some(subject)
}

/// The newest generation that is stored or intended.
fn newest(row: Option<&Connection>, pair: Option<&StoredTokens>) -> u64 {
    let lease = row.and_then(|row| row.lease.as_ref());
    let known = [
        row.map(|row| row.generation),
        lease.map(|lease| lease.intent),
        pair.map(|pair| pair.generation),
    ];
    known.into_iter().flatten().max().unwrap_or(0)
}

impl<W: Wiring> Connect<W> {
    /// The connection and pair that a customer's row stands for.
    pub(super) async fn in_use(
        &self,
        row: Option<Connection>,
    ) -> Result<Option<InUse>, StoreError> {
        let Some(row) = row.filter(|row| {
            matches!(
                row.status,
                ConnectionStatus::Active | ConnectionStatus::Limited { .. }
            )
        }) else {
            return Ok(None);
        };
        let pair = self.vault.tokens(&row.customer).await?;
        Ok(pair.map(|pair| InUse { row, pair }))
    }

    /// Replaces what the customer was connected by `before` with a new pair, if that is the same user's, and returns
    /// its generation. If the new pair ends another customer's, that customer gets it: it was granted by the same user,
    /// and neither loses anything.
    ///
    /// # Errors
    /// [`ConnectError::UserTaken`] if the user connects another customer.
    pub(super) async fn put_in_place(
        &self,
        handshake: &Handshake,
        before: Option<InUse>,
        tokens: &Tokens,
    ) -> Result<Option<u64>, ConnectError> {
        let Some(subject) = tokens.subject(&handshake.app) else {
            return Ok(None);
        };
        let customer = &handshake.customer;
        let kept = match before.filter(|before| before.is_of(&subject)) {
            Some(before) => self.replace(before, &subject, tokens).await?,
            None => None,
        };
        let Some(other) = self.take_subject(&subject, customer).await? else {
            return Ok(kept);
        };
        tracing::warn!(
            customer.id = %customer, other.id = %other.row.customer,
            "a user of Constant Contact connects two customers, which can go on for one of them only"
        );
        if kept.is_some() {
            return Ok(kept); // both were connected before users were recorded
        }
        self.replace(other, &subject, tokens).await?;
        Err(ConnectError::UserTaken)
    }

    /// Records that a user connects this customer, unless they connect another: that one is returned.
    async fn take_subject(
        &self,
        subject: &Subject,
        customer: &CustomerId,
    ) -> Result<Option<InUse>, ConnectError> {
        let (rows, now) = (&self.directory, self.clock.now());
        let Some(holder) = rows.take_subject(subject, customer, now, None).await? else {
            return Ok(None);
        };
        let row = rows.connection(&holder.customer).await?;
        let other = self.in_use(row).await?;
        if let Some(other) = other.filter(|other| other.is_of(subject)) {
            return Ok(Some(other));
        }
        if now < holder.since + PENDING_FOR {
            return Err(ConnectError::Busy);
        }
        let stale = Some(&holder);
        match rows.take_subject(subject, customer, now, stale).await? {
            None => Ok(None),
            Some(_) => Err(ConnectError::Busy),
        }
    }

    /// Replaces the same user's pair with a new one, and advances the row to it. Returns its generation, unless the
    /// connection is another user's or ended by now.
    async fn replace(
        &self,
        before: InUse,
        subject: &Subject,
        tokens: &Tokens,
    ) -> Result<Option<u64>, ConnectError> {
        let InUse { row, pair } = before;
        let customer = &row.customer;
        let mut new = StoredTokens {
            generation: newest(Some(&row), Some(&pair)) + 1,
            tokens: tokens.clone(),
        };
        for _ in 0..STORE_TRIES {
            if store(&self.vault, &self.clock, customer, &new).await? == StoreOutcome::Stored {
                let still_connected = self.advance(customer, &new).await?;
                return Ok(still_connected.then_some(new.generation));
            }
            let stored = self.vault.tokens(customer).await?;
            let Some(stored) = stored.filter(|stored| is_of(stored, &row, subject)) else {
                return Ok(None);
            };
            new.generation = newest(None, Some(&stored)).max(new.generation) + 1;
        }
        Err(ConnectError::Busy)
    }

    /// Whether the connection of the pair still exists. If it was ended meanwhile, nobody else would delete the pair.
    async fn advance(
        &self,
        customer: &CustomerId,
        pair: &StoredTokens,
    ) -> Result<bool, StoreError> {
        let (rows, now) = (&self.directory, self.clock.now());
        let advanced = advance(rows, &self.ledger, &self.events, customer, pair, now).await?;
        if advanced != AdvanceOutcome::NotAdvanced {
            return Ok(true);
        }
        let row = rows.connection(customer).await?;
        let still_connected = row.is_some_and(|row| row.status != ConnectionStatus::Disconnected);
        if !still_connected {
            self.end(customer).await?;
        }
        Ok(still_connected)
    }

    /// Stores a pair under a generation of its own, newer than every other, unless it is `kept` under one already.
    pub(super) async fn store_pair(
        &self,
        customer: &CustomerId,
        old: Option<&Connection>,
        kept: Option<u64>,
        tokens: Tokens,
    ) -> Result<u64, ConnectError> {
        let stored = self.vault.tokens(customer).await?;
        let newest = newest(old, stored.as_ref());
        let there = |kept: &u64| stored.is_some_and(|pair| pair.generation >= *kept);
        if let Some(kept) = kept.filter(there) {
            return Ok(kept);
        }
        let mut pair = StoredTokens {
            generation: newest + 1,
            tokens,
        };
        for _ in 0..STORE_TRIES {
            match store(&self.vault, &self.clock, customer, &pair).await? {
                StoreOutcome::Stored => return Ok(pair.generation),
                StoreOutcome::Superseded => pair.generation += 1,
            }
        }
        Err(ConnectError::Busy)
    }
}
