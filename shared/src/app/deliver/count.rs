//! Counting what moved, one write for each customer and day of a batch.
//!
//! A drain that dies before this write leaves the counters short. Its messages come again, find their leads settled,
//! and so the day is put in doubt and counted anew.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Drain;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{LeadRecord, LeadState};
use crate::domain::tally::{Moves, counted_as, label};
use crate::ports::{Clock, Tallies, Wiring};

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

    pub(super) fn doubt(&self, customer: &CustomerId, lead: &LeadId) {
        let mut moves = self.moves();
        moves.entry(customer.clone()).or_default().doubt(lead.day());
    }

    fn moves(&self) -> MutexGuard<'_, BTreeMap<CustomerId, Moves>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Wiring> Drain<W> {
    pub(super) async fn write_counts(&self) {
        let moved = std::mem::take(&mut *self.counter.moves());
        let now = self.keeper.clock.now();
        for (customer, moves) in moved {
            self.warn_on_fail(self.directory.tally(&customer, &moves, now).await);
        }
    }
}
