use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;

use super::cell::Cell;
use super::faults::Faults;
use super::ledger_rows::{Rows, key};
use crate::domain::email::EmailAddress;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{Lead, LeadRecord, LeadState, QuarantineReason};
use crate::domain::tally::{Counts, add, counted_as};
use crate::ports::{LeadFilter, Ledger, Page, Recorded, StoreError};

/// Leads and their states.
#[derive(Debug, Clone)]
pub struct MemoryLedger(pub(super) Cell<Rows>);

impl MemoryLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        Self(Cell::new(faults))
    }

    /// All leads, in the order of customers and ids.
    #[must_use]
    pub fn all(&self) -> Vec<LeadRecord> {
        self.0.with(|rows| rows.all().cloned().collect())
    }

    /// One lead, read from outside: not a port call.
    #[must_use]
    pub fn peek(&self, customer: &CustomerId, lead: &LeadId) -> Option<LeadRecord> {
        self.0.with(|rows| rows.lead(customer, lead).cloned())
    }

    /// Until when a finished or quarantined lead is kept, read from outside.
    #[must_use]
    pub fn kept_until(&self, customer: &CustomerId, lead: &LeadId) -> Option<Timestamp> {
        self.0
            .with(|rows| rows.kept_until.get(&key(customer, lead)).copied())
    }

    /// Removes leads delivered before a moment, as the table does when they expire; returns how many there were.
    #[must_use]
    pub fn forget_delivered(&self, before: Timestamp) -> usize {
        self.0.with(|rows| rows.forget_delivered(before))
    }

    /// Makes a lead unreadable, as if a later version had written it.
    pub fn make_unreadable(&self, customer: &CustomerId, lead: &LeadId) {
        self.0
            .with(|rows| rows.unreadable.insert(key(customer, lead)));
    }

    /// Changes every lead directly, past the port.
    pub fn tamper(&self, change: impl FnMut(&mut LeadRecord)) {
        self.0.with(|rows| rows.tamper(change));
    }
}

impl Ledger for MemoryLedger {
    async fn record(
        &self,
        lead: &Lead,
        state: &LeadState,
        due_at: Timestamp,
    ) -> Result<Recorded, StoreError> {
        self.0
            .step(|rows| rows.record(lead, state, Some(due_at)))
            .await
    }

    async fn quarantine(
        &self,
        lead: &Lead,
        why: QuarantineReason,
        expires_at: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let state = LeadState::Quarantined { why };
        let quarantine = |rows: &mut Rows| {
            let recorded = rows.record(lead, &state, None);
            if recorded == Recorded::New {
                let key = key(&lead.customer, &lead.id);
                rows.kept_until.insert(key, expires_at);
            }
            recorded
        };
        self.0.step(quarantine).await
    }

    async fn lead(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
    ) -> Result<Option<LeadRecord>, StoreError> {
        let read =
            |rows: &mut Rows| match (rows.lead(customer, lead), rows.readable(customer, lead)) {
                (Some(_), None) => Err(StoreError::new("garbled")),
                (_, record) => Ok(record.cloned()),
            };
        self.0.try_step(read).await
    }

    async fn records(
        &self,
        customer: &CustomerId,
        leads: &[LeadId],
    ) -> Result<Vec<LeadRecord>, StoreError> {
        let read = |rows: &mut Rows| {
            let own = BTreeSet::from_iter(leads).into_iter();
            let own = own.filter_map(|lead| rows.readable(customer, lead));
            own.cloned().collect()
        };
        self.0.step(read).await
    }

    async fn leads(
        &self,
        customer: &CustomerId,
        filter: &LeadFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<LeadRecord>, StoreError> {
        let list = |rows: &mut Rows| {
            let mut older = rows
                .of(customer)
                .rev()
                .filter(|record| cursor.is_none_or(|last| record.lead.id.as_str() < last));
            let read: Vec<_> = older.by_ref().take(usize::from(limit)).collect();
            let more = older.next().is_some();
            let last = read.last().map(|record| record.lead.id.to_string());
            let fits = |record: &&LeadRecord| {
                let status = record.state.status();
                filter.status.is_none_or(|wanted| status == wanted)
                    && filter
                        .since
                        .is_none_or(|since| record.lead.received_at >= since)
            };
            Page {
                next: last.filter(|_| more),
                items: read
                    .into_iter()
                    .filter(|record| rows.readable(customer, &record.lead.id).is_some())
                    .filter(fits)
                    .cloned()
                    .collect(),
            }
        };
        self.0.step(list).await
    }

    async fn leads_of(
        &self,
        customer: &CustomerId,
        email: &EmailAddress,
        most: usize,
    ) -> Result<Vec<LeadId>, StoreError> {
        let find = |rows: &mut Rows| {
            let own = rows.of_person(customer, email).filter(|lead| {
                let record = rows.lead(customer, lead);
                record.is_some_and(|record| record.state != LeadState::Erased)
            });
            own.take(most).cloned().collect()
        };
        self.0.step(find).await
    }

    async fn owner_of(&self, lead: &LeadId) -> Result<Option<CustomerId>, StoreError> {
        let find = |rows: &mut Rows| rows.owner_of(lead).cloned();
        self.0.step(find).await
    }

    async fn count(&self, customer: &CustomerId, day: Date) -> Result<Counts, StoreError> {
        let count = |rows: &mut Rows| {
            let mut counts = Counts::new();
            let of_day = rows
                .of(customer)
                .filter(|record| record.lead.id.day() == day);
            for label in of_day.filter_map(counted_as) {
                add(&mut counts, label, 1);
            }
            counts
        };
        self.0.step(count).await
    }
}
