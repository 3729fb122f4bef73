//! Checking leads again that have waited for their moment: their person may be erased or suppressed by now, or their
//! customer gone.

use jiff::{SignedDuration, Timestamp};

use super::outcome::Outcome;
use super::same_address::SameAddress;
use super::turns::Turn;
use super::{Drain, refused};
use crate::domain::connection::Connection;
use crate::domain::lead::{LeadState, RefusalReason, WaitReason};
use crate::ports::{Clock, Connections, Customers, Ledger, Wiring};

/// Leads that were last checked longer ago than this are checked again.
const STALE: SignedDuration = SignedDuration::from_secs(5);

/// How long before its moment, so that the call leaves in time.
const BEFORE: SignedDuration = SignedDuration::from_millis(200);

/// Leads that a call is made for, and when they were last checked.
pub(super) struct CheckedLeads<'a> {
    leads: &'a SameAddress,
    at: Timestamp,
}

impl<'a> CheckedLeads<'a> {
    /// Leads as they were claimed.
    pub(super) fn claimed(leads: &'a SameAddress, turn: &Turn<'_>) -> Self {
        let at = turn.ready.claimed.at;
        Self { leads, at }
    }

    /// Whether a call at this moment needs another check.
    pub(super) fn are_stale(&self, moment: Timestamp) -> bool {
        moment.duration_since(self.at) > STALE
    }
}

impl<W: Wiring> Drain<W> {
    /// Whether leads whose moment comes long after they were last checked may still go out.
    pub(super) async fn recheck(
        &self,
        turn: &Turn<'_>,
        checked_leads: &mut CheckedLeads<'_>,
        moment: Timestamp,
    ) -> Result<(), Outcome> {
        self.keeper.clock.sleep_until(moment - BEFORE).await;
        checked_leads.at = self.keeper.clock.now();
        self.ensure_connected(turn).await?;
        for record in checked_leads.leads.iter() {
            let (customer, id) = (&record.lead.customer, &record.lead.id);
            let known = self.ledger.lead(customer, id).await;
            let known = known
                .map_err(|error| self.defer("looking at a lead once more", customer, &error))?;
            let ours = known.is_some_and(|known| match &known.state {
                LeadState::Sending { owner, .. } => owner == turn.owner,
                _ => false,
            });
            if !ours {
                // Erased. That changes what the other leads of the address say together.
                return Err(self.not_now());
            }
        }
        let customer = &turn.customer().id;
        if !self
            .suppressed(customer, checked_leads.leads.iter())
            .await?
            .is_empty()
        {
            return Err(refused(RefusalReason::Suppressed)); // they are all of one person
        }
        Ok(())
    }

    async fn ensure_connected(&self, turn: &Turn<'_>) -> Result<(), Outcome> {
        let customer = &turn.customer().id;
        let later = |error| self.defer("looking at the connection once more", customer, &error);
        let connection = self.directory.connection(customer).await.map_err(later)?;
        let usable = match &connection {
            Some(known) => known.ensure_usable(),
            None => Err(WaitReason::NotConnected),
        };
        let Err(why) = usable else {
            let other = |known: Connection| known.account.id != turn.connection().account.id;
            if connection.is_some_and(other) {
                return Err(self.not_now()); // what was read about the account before does not apply to this one
            }
            return Ok(());
        };
        match self.directory.customer(customer).await.map_err(later)? {
            Some(_) => Err(Outcome::waits(why, None)),
            None => Err(refused(RefusalReason::CustomerDeleted)),
        }
    }
}
