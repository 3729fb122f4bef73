//! The ledger's rows, with lookup indexes that are kept consistent with the leads.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::lanes::{self, Lane};
use crate::domain::email::EmailAddress;
use crate::domain::ids::{CustomerId, ImportId, LeadId};
use crate::domain::import::ImportJob;
use crate::domain::lead::{Lead, LeadRecord, LeadState, TimelineEntry};
use crate::ports::{KeyClaim, Recorded};

/// Leads by a time.
type LeadsByTime = BTreeSet<(Timestamp, (CustomerId, LeadId))>;

#[derive(Debug, Default)]
pub(super) struct Rows {
    leads: BTreeMap<(CustomerId, LeadId), LeadRecord>,
    /// Leads that cannot be read.
    pub(super) unreadable: BTreeSet<(CustomerId, LeadId)>,
    /// Leads that were recorded with an address, by its key.
    by_person: BTreeMap<(CustomerId, String), BTreeSet<LeadId>>,
    /// Until when finished or quarantined leads are kept.
    pub(super) kept_until: BTreeMap<(CustomerId, LeadId), Timestamp>,
    /// When to look at each lead that is in no lane.
    pub(super) stuck: LeadsByTime,
    /// When each quarantined lead came in.
    pub(super) quarantined: LeadsByTime,
    pub(super) lanes: BTreeMap<CustomerId, Lane>,
    pub(super) keys: BTreeMap<(CustomerId, String), KeyClaim>,
    pub(super) counters: BTreeMap<(CustomerId, String), u64>,
    pub(super) imports: BTreeMap<ImportId, (ImportJob, Vec<Vec<LeadId>>)>,
    /// Leads that were ever taken by an import, and since when.
    pub(super) taken: BTreeMap<(CustomerId, LeadId), (ImportId, Timestamp)>,
}

impl Rows {
    /// All leads, in the order of customers and ids.
    pub(super) fn all(&self) -> impl Iterator<Item = &LeadRecord> {
        self.leads.values()
    }

    /// A customer's leads, oldest first.
    pub(super) fn of(&self, customer: &CustomerId) -> impl DoubleEndedIterator<Item = &LeadRecord> {
        let end = |text: &str| (customer.clone(), text.parse().expect("a lead id"));
        let first = end("lead_00000000000000000000000000");
        let last = end("lead_7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        self.leads.range(first..=last).map(|(_, record)| record)
    }

    /// How long a lead is kept; `None` means for ever.
    pub(super) fn keep_until(&mut self, key: (CustomerId, LeadId), until: Option<Timestamp>) {
        match until {
            Some(until) => self.kept_until.insert(key, until),
            None => self.kept_until.remove(&key),
        };
    }

    pub(super) fn lead(&self, customer: &CustomerId, lead: &LeadId) -> Option<&LeadRecord> {
        self.leads.get(&key(customer, lead))
    }

    /// The same, if it can be read.
    pub(super) fn readable(&self, customer: &CustomerId, lead: &LeadId) -> Option<&LeadRecord> {
        let key = key(customer, lead);
        let record = self.leads.get(&key);
        record.filter(|_| !self.unreadable.contains(&key))
    }

    /// The customer of a lead.
    pub(super) fn owner_of(&self, lead: &LeadId) -> Option<&CustomerId> {
        let mut keys = self.leads.keys();
        let key = keys.find(|(_, id)| id == lead);
        key.map(|(customer, _)| customer)
    }

    /// A customer's leads that were recorded with an address.
    pub(super) fn of_person(
        &self,
        customer: &CustomerId,
        email: &EmailAddress,
    ) -> impl Iterator<Item = &LeadId> {
        let own = self.by_person.get(&(customer.clone(), email.key()));
        own.into_iter().flatten()
    }

    /// Changes a lead if it exists; returns the result.
    pub(super) fn change<R>(
        &mut self,
        customer: &CustomerId,
        lead: &LeadId,
        change: impl FnOnce(&mut LeadRecord) -> R,
    ) -> Option<R> {
        let key = key(customer, lead);
        let record = self.leads.get_mut(&key)?;
        let (stuck, quarantined) = (lanes::stuck_at(record), lanes::quarantined_at(record));
        let changed = change(record);
        move_lead(&mut self.stuck, &key, stuck, lanes::stuck_at(record));
        move_lead(
            &mut self.quarantined,
            &key,
            quarantined,
            lanes::quarantined_at(record),
        );
        Some(changed)
    }

    /// The same, only if `fits`; returns whether it did.
    pub(super) fn change_if(
        &mut self,
        customer: &CustomerId,
        lead: &LeadId,
        fits: impl FnOnce(&LeadRecord) -> bool,
        change: impl FnOnce(&mut LeadRecord),
    ) -> bool {
        let changed = self.change(customer, lead, |record| {
            fits(record).then(|| change(record)).is_some()
        });
        changed.unwrap_or(false)
    }

    /// Inserts a lead's row, unless there is one.
    pub(super) fn record(
        &mut self,
        lead: &Lead,
        state: &LeadState,
        due_at: Option<Timestamp>,
    ) -> Recorded {
        if let Some(record) = self.lead(&lead.customer, &lead.id) {
            return Recorded::Already(Box::new(record.clone()));
        }
        let mut record = LeadRecord {
            lead: lead.clone(),
            state: state.clone(),
            due_at: None,
            attempts: 0,
            timeline: Vec::new(),
            exported_at: None,
            imported_by: None,
        };
        enter_state(&mut record, state.clone(), lead.received_at, due_at);
        self.insert(record);
        Recorded::New
    }

    fn insert(&mut self, record: LeadRecord) {
        let key = key(&record.lead.customer, &record.lead.id);
        move_lead(&mut self.stuck, &key, None, lanes::stuck_at(&record));
        move_lead(
            &mut self.quarantined,
            &key,
            None,
            lanes::quarantined_at(&record),
        );
        let person = (key.0.clone(), record.lead.contact.email.key());
        self.by_person
            .entry(person)
            .or_default()
            .insert(key.1.clone());
        self.leads.insert(key, record);
    }

    /// Removes leads delivered before a moment, which no index by time holds; returns how many there were.
    pub(super) fn forget_delivered(&mut self, before: Timestamp) -> usize {
        let is_old =
            |record: &LeadRecord| record.timeline.last().is_some_and(|last| last.at < before);
        let delivered = |record: &LeadRecord| {
            matches!(record.state, LeadState::Delivered { .. }) && is_old(record)
        };
        let before = self.leads.len();
        self.leads.retain(|_, record| !delivered(record));
        let leads = &self.leads;
        self.by_person.retain(|(customer, _), ids| {
            ids.retain(|id| leads.contains_key(&key(customer, id)));
            !ids.is_empty()
        });
        before - self.leads.len()
    }

    /// Changes every lead.
    pub(super) fn tamper(&mut self, change: impl FnMut(&mut LeadRecord)) {
        self.leads.values_mut().for_each(change);
        self.stuck.clear();
        self.quarantined.clear();
        for (key, record) in &self.leads {
            move_lead(&mut self.stuck, key, None, lanes::stuck_at(record));
            move_lead(
                &mut self.quarantined,
                key,
                None,
                lanes::quarantined_at(record),
            );
        }
    }
}

/// Moves a lead from one time to another.
fn move_lead(
    leads: &mut LeadsByTime,
    key: &(CustomerId, LeadId),
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) {
    if from == to {
        return;
    }
    if let Some(at) = from {
        leads.remove(&(at, key.clone()));
    }
    leads.extend(to.map(|at| (at, key.clone())));
}

pub(super) fn enter_state(
    record: &mut LeadRecord,
    state: LeadState,
    at: Timestamp,
    due_at: Option<Timestamp>,
) {
    record.state = state.clone();
    record.due_at = due_at;
    record.timeline.push(TimelineEntry { at, state });
}

pub(super) fn key(customer: &CustomerId, lead: &LeadId) -> (CustomerId, LeadId) {
    (customer.clone(), lead.clone())
}
