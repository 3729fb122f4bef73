//! Counting what moved, one write for each customer and day of a batch.
//!
//! A drain that dies before this write leaves the counters short. Its messages come again, find their leads settled,
//! and so the day is put in doubt and counted anew.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::Drain;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{LeadRecord, LeadState, WaitReason};
use crate::domain::tally::{Moves, counted_as, label};
use crate::ports::{Clock, StoreError, Tallies, Wiring};

const IMPORT: LeadState = LeadState::Waiting {
    why: WaitReason::Import,
};

/// Times the counters are written after a batch; there is nothing to write after the first that works.
const TRIES: u32 = 2;

/// What moved since the counters were last written.
#[derive(Debug, Default)]
pub struct Counter(Mutex<BTreeMap<CustomerId, Moves>>);

impl Counter {
    pub(super) fn settled(&self, record: &LeadRecord, state: &LeadState) {
        let lead = &record.lead;
        let (from, to) = (counted_as(record), label(state));
        let mut moves = self.moves();
        let moves = moves.entry(lead.customer.clone()).or_default();
        moves.count(lead.id.day(), from, to);
    }

    /// A lead's day may be counted wrong.
    pub(crate) fn doubt(&self, customer: &CustomerId, lead: &LeadId) {
        let mut moves = self.moves();
        moves.entry(customer.clone()).or_default().doubt(lead.day());
    }

    /// A lead was taken into a bulk import.
    pub(crate) fn entered_import(&self, record: &LeadRecord) {
        self.settled(record, &IMPORT);
    }

    /// A lead left a bulk import.
    pub(crate) fn left_import(&self, customer: &CustomerId, lead: &LeadId, state: &LeadState) {
        let mut moves = self.moves();
        let moves = moves.entry(customer.clone()).or_default();
        moves.count(lead.day(), label(&IMPORT), label(state));
    }

    /// Writes what moved; gives back whose could not be written and why, for the log. Whether it was written all the same
    /// nobody knows, so of that only the doubt is kept, for the next write.
    pub(crate) async fn write(
        &self,
        to: &impl Tallies,
        now: Timestamp,
    ) -> Vec<(CustomerId, StoreError)> {
        let moved = std::mem::take(&mut *self.moves());
        let mut failed = Vec::new();
        for (customer, moves) in moved {
            if let Err(error) = to.tally(&customer, &moves, now).await {
                let mut later = self.moves();
                let later = later.entry(customer.clone()).or_default();
                moves.days().for_each(|(day, _)| later.doubt(day));
                failed.push((customer, error));
            }
        }
        failed
    }

    fn moves(&self) -> MutexGuard<'_, BTreeMap<CustomerId, Moves>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Wiring> Drain<W> {
    pub(super) async fn write_counts(&self) {
        let now = self.keeper.clock.now();
        for _ in 0..TRIES {
            for (customer, error) in self.counter.write(&self.directory, now).await {
                self.warn_on_fail("counting what moved", &customer, Err(error));
            }
        }
    }
}
