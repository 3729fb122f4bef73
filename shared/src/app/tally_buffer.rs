//! Counting changes of state, one write for each customer and day.
//!
//! A drain that dies before this write leaves the counters short. Its messages come again and find their leads settled,
//! so the day is put in doubt and counted again.

use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::Timestamp;

use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{LeadRecord, LeadState, WaitReason};
use crate::domain::tally::{Label, TallyChanges, counted_as};
use crate::locked;
use crate::ports::{Tallies, causes};

const IMPORT: LeadState = LeadState::waiting(WaitReason::Import);

/// How often writing the counters is tried; after a success there is nothing left to write.
const TRIES: u32 = 2;

/// The changes since the counters were last written.
#[derive(Debug, Default)]
pub struct TallyBuffer(Mutex<BTreeMap<CustomerId, TallyChanges>>);

impl TallyBuffer {
    /// A lead entered a state.
    pub(crate) fn settled(&self, record: &LeadRecord, state: &LeadState) {
        let lead = &record.lead;
        let (from, to) = (counted_as(record), Label::of(state));
        let mut changes = locked(&self.0);
        let changes = changes.entry(lead.customer.clone()).or_default();
        changes.count(lead.id.day(), from, to);
    }

    /// Puts a lead's day in doubt.
    pub(crate) fn doubt(&self, customer: &CustomerId, lead: &LeadId) {
        let mut changes = locked(&self.0);
        changes
            .entry(customer.clone())
            .or_default()
            .doubt(lead.day());
    }

    /// A lead was taken into a bulk import.
    pub(crate) fn entered_import(&self, record: &LeadRecord) {
        self.settled(record, &IMPORT);
    }

    /// A lead left a bulk import.
    pub(crate) fn left_import(&self, customer: &CustomerId, lead: &LeadId, state: &LeadState) {
        let mut changes = locked(&self.0);
        let changes = changes.entry(customer.clone()).or_default();
        changes.count(lead.day(), Label::of(&IMPORT), Label::of(state));
    }

    /// Writes the changes. Nobody knows whether a failed write took effect, so only the doubt of it is kept, for the
    /// next write.
    pub(crate) async fn write(&self, to: &impl Tallies, now: Timestamp) {
        for _ in 0..TRIES {
            let moved = std::mem::take(&mut *locked(&self.0));
            for (customer, changes) in moved {
                if let Err(error) = to.tally(&customer, &changes, now).await {
                    tracing::warn!(
                        customer.id = %customer, error = %causes(&error),
                        "what moved was not counted"
                    );
                    let mut later = locked(&self.0);
                    let later = later.entry(customer).or_default();
                    changes.days().for_each(|(day, _)| later.doubt(day));
                }
            }
        }
    }
}
