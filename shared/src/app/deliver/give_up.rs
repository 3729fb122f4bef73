//! When a lead that is neither accepted nor refused is given up: not in an outage, however long it lasts.

use jiff::SignedDuration;
use jiff::civil::Date;

use super::Drain;
use super::outcome::Outcome;
use super::same_address::SameAddress;
use super::settle::warn;
use crate::domain::crm::CrmError;
use crate::domain::ids::CustomerId;
use crate::domain::lead::{LeadRecord, LeadState, RefusalReason};
use crate::domain::utc_day;
use crate::ports::{Clock as _, Tallies as _, Wiring};

/// How many tries in a row have to have met trouble.
const TRIES: u32 = 8;

impl<W: Wiring> Drain<W> {
    /// The outcome of trouble for leads that have met nothing else since before yesterday, although the account
    /// accepted others that came yesterday: it will never accept these, and each try costs calls that others need.
    pub(super) async fn give_up_if_hopeless(
        &self,
        leads: &SameAddress,
        error: &CrmError,
        outcome: Outcome,
    ) -> Outcome {
        let yesterday = utc_day(self.keeper.clock.now() - SignedDuration::from_hours(24));
        let in_trouble = matches!(&outcome.state, LeadState::Waiting { why } if why.is_transient());
        let hopeless = in_trouble && leads.iter().all(|record| is_hopeless(record, yesterday));
        let lead = &leads.newest().lead;
        let customer = &lead.customer;
        if !hopeless || !self.accepted_others(customer, yesterday).await {
            return outcome;
        }
        tracing::warn!(lead.id = %lead.id, customer.id = %customer, error = %error, "a lead is given up");
        let message = match error {
            CrmError::NotFound(refusal) | CrmError::Conflict(refusal) => Some(refusal.message()),
            _ => None,
        };
        Outcome::settled(LeadState::Refused {
            why: RefusalReason::CcRefused,
            detail: message.filter(|message| !message.is_empty()),
        })
    }

    /// Whether the account accepted, by a call of its own, a lead that came in on a day. If nobody can tell, it did
    /// not.
    async fn accepted_others(&self, customer: &CustomerId, of: Date) -> bool {
        match self.directory.tally_of(customer, of).await {
            Ok(tally) => tally.is_some_and(|tally| tally.delivered_singly() > 0),
            Err(error) => {
                warn("reading what was delivered", customer, &error);
                false
            }
        }
    }
}

/// Whether a lead was tried often, and in vain since before a day.
fn is_hopeless(record: &LeadRecord, of: Date) -> bool {
    let since = record.failing_since().map(utc_day);
    record.transient_failures() >= TRIES && since.is_some_and(|since| since < of)
}
