//! Settling leads: writing down how a claim ended.

use jiff::{SignedDuration, Timestamp};

use super::Drain;
use super::outcome::Outcome;
use crate::app::requeue::LISTED_WITHIN;
use crate::domain::customer::{Customer, kept_for};
use crate::domain::ids::CustomerId;
use crate::domain::lead::{LeadRecord, LeadState};
use crate::ports::{Claims, Clock, Connections, Lanes, Settlement, StoreError, Wiring, causes};

/// How often writing an outcome is tried. A lost one costs a second call, and for a delivery an opt-out check.
const TRIES: u32 = 3;

/// When the scheduler checks whether a person has acted meanwhile.
const PERSON_CHECK: SignedDuration = SignedDuration::from_mins(15);

impl<W: Wiring> Drain<W> {
    /// Writes one outcome of several leads of a customer. A wait is marked before it is written: a mark without a lead
    /// is looked at once in vain, but a lead without a mark would wait for ever. If the mark fails, the claims are left
    /// to lapse, and the scheduler takes them up.
    pub(super) async fn settle(
        &self,
        customer: Option<&Customer>,
        leads: impl IntoIterator<Item = &LeadRecord>,
        owner: &str,
        outcome: &Outcome,
    ) {
        let leads: Vec<_> = leads.into_iter().collect();
        let Some(first) = leads.first() else {
            return;
        };
        let id = &first.lead.customer;
        let now = self.keeper.clock.now();
        let due = |record: &&LeadRecord| outcome.due_of(record, now, self.jitter());
        let due: Vec<_> = leads.iter().map(due).collect();
        let look_at = look_at(outcome, &due, now);
        if let Some(at) = look_at
            && let Err(error) = self.ledger.mark_lane(id, at).await
        {
            tracing::error!(customer.id = %id, error = %causes(&error), "a wait was not marked");
            return;
        }
        for (record, due_at) in leads.into_iter().zip(due) {
            let settlement = self.settlement(outcome, due_at, customer);
            self.write(record, owner, &settlement).await;
        }
        // If the writes took long, the mark may be used up before all leads are listed.
        if look_at.is_some_and(|at| at < self.keeper.clock.now() + LISTED_WITHIN) {
            self.mark_listed(id).await;
        }
        if let LeadState::Waiting { why } = &outcome.state
            && why.needs_person()
        {
            self.look_again(id).await;
        }
    }

    fn settlement(
        &self,
        outcome: &Outcome,
        due_at: Option<Timestamp>,
        customer: Option<&Customer>,
    ) -> Settlement {
        let at = self.keeper.clock.now();
        Settlement {
            state: outcome.state.clone(),
            due_at,
            at,
            expires_at: expiry(outcome, customer, at),
        }
    }

    async fn write(&self, record: &LeadRecord, owner: &str, settlement: &Settlement) {
        for attempt in 1..=TRIES {
            match self
                .ledger
                .settle(&record.lead.customer, &record.lead.id, owner, settlement)
                .await
            {
                Ok(true) => {
                    self.tallies.settled(record, &settlement.state);
                    self.events
                        .settled(record, &settlement.state, settlement.at);
                    return;
                }
                Ok(false) => {
                    tracing::warn!(lead.id = %record.lead.id, "a claim was no longer ours when its outcome came");
                    break;
                }
                Err(error) => {
                    tracing::error!(lead.id = %record.lead.id, attempt, error = %causes(&error), "an outcome was not written");
                }
            }
        }
        // It may have been written by a try whose answer was lost.
        let lead = &record.lead;
        self.tallies.doubt(&lead.customer, &lead.id);
    }

    /// Checks whether the person acted between our look at the connection and the lead's wait: then nobody else would
    /// free the lead.
    async fn look_again(&self, customer: &CustomerId) {
        match self.directory.connection(customer).await {
            Ok(Some(connection)) if connection.lists_for(&[]).is_ok() => {
                self.mark_listed(customer).await;
            }
            Ok(_) => {}
            Err(error) => warn("looking whether a person has acted", customer, &error),
        }
    }

    /// Makes the scheduler look at a customer's lane once everything written to it is listed.
    async fn mark_listed(&self, customer: &CustomerId) {
        let at = self.keeper.clock.now() + LISTED_WITHIN;
        let marked = self.ledger.mark_lane(customer, at).await;
        self.warn_on_fail("marking the lane", customer, marked);
    }

    /// Logs a failure that something else makes good: what was not done, for which customer.
    pub(super) fn warn_on_fail(
        &self,
        what: &'static str,
        customer: &CustomerId,
        result: Result<(), StoreError>,
    ) {
        if let Err(error) = result {
            warn(what, customer, &error);
        }
    }
}

/// Logs a failure as [`Drain::warn_on_fail`] does.
pub(super) fn warn(what: &'static str, customer: &CustomerId, error: &StoreError) {
    tracing::warn!(
        what, customer.id = %customer, error = %causes(error),
        "something of use was not done"
    );
}

/// When somebody has to look at leads with this outcome. Also if a person has to act: they may do so after our look at
/// the connection, and if a function died before it looked again, nobody would take up the leads.
fn look_at(outcome: &Outcome, due: &[Option<Timestamp>], now: Timestamp) -> Option<Timestamp> {
    let waits = matches!(outcome.state, LeadState::Waiting { .. });
    let each = due.iter().map(|due| due.unwrap_or(now + PERSON_CHECK));
    let first = each.min().filter(|_| waits);
    first.map(|at| at.max(now + LISTED_WITHIN))
}

/// When the row may expire, once nothing more can happen to the lead.
fn expiry(outcome: &Outcome, customer: Option<&Customer>, at: Timestamp) -> Option<Timestamp> {
    let ended = matches!(
        outcome.state,
        LeadState::Delivered { .. } | LeadState::Refused { .. }
    );
    ended.then(|| at + kept_for(customer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::customer::DEFAULT_RETENTION_DAYS;
    use crate::domain::lead::RefusalReason;

    #[test]
    fn lead_refused_for_a_deleted_customer_expires_after_the_default_retention() {
        let outcome = super::super::refused(RefusalReason::CustomerDeleted);
        let (at, days) = (Timestamp::UNIX_EPOCH, i64::from(DEFAULT_RETENTION_DAYS));

        let expires_at = expiry(&outcome, None, at);

        assert_eq!(expires_at, Some(at + SignedDuration::from_hours(24 * days)));
    }
}
