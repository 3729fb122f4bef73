use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::cell::Cell;
use super::faults::Faults;
use super::imports::IMPORT;
use super::lanes::{self, Lane};
use crate::domain::asked;
use crate::domain::email::EmailAddress;
use crate::domain::ids::{CustomerId, ImportId, LeadId};
use crate::domain::import::ImportJob;
use crate::domain::lead::{
    Lead, LeadRecord, LeadState, QuarantineReason, TimelineEntry, shortened,
};
use crate::domain::tally::{Counts, counted_as};
use crate::ports::{
    Claim, Due, KeyClaim, LanePlace, LeadFilter, Ledger, Page, Recorded, Settlement, StoreError,
};

/// Leads and what became of them.
#[derive(Debug, Clone)]
pub struct MemoryLedger(pub(super) Cell<Rows>);

/// Leads by a time.
type Places = BTreeSet<(Timestamp, (CustomerId, LeadId))>;

#[derive(Debug, Default)]
pub(super) struct Rows {
    leads: BTreeMap<(CustomerId, LeadId), LeadRecord>,
    /// Leads that were recorded with an address, by its key.
    by_person: BTreeMap<(CustomerId, String), BTreeSet<LeadId>>,
    /// Until when leads are kept that were set aside.
    kept_until: BTreeMap<(CustomerId, LeadId), i64>,
    /// When each lead that no lane holds is to be looked at.
    pub(super) stuck: Places,
    /// When each lead that is set aside came in.
    aside: Places,
    pub(super) lanes: BTreeMap<CustomerId, Lane>,
    pub(super) keys: BTreeMap<(CustomerId, String), KeyClaim>,
    pub(super) counters: BTreeMap<(CustomerId, String), u64>,
    pub(super) imports: BTreeMap<ImportId, (ImportJob, Vec<Vec<LeadId>>)>,
    /// Leads that were ever in an import, and since when.
    pub(super) taken: BTreeMap<(CustomerId, LeadId), (ImportId, Timestamp)>,
}

impl MemoryLedger {
    /// An empty one.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        Self(Cell::new(faults))
    }

    /// Every lead there is, in the order of customers and ids.
    #[must_use]
    pub fn all(&self) -> Vec<LeadRecord> {
        self.0.with(|rows| rows.leads.values().cloned().collect())
    }

    /// One lead. A look from outside, which is no port call.
    #[must_use]
    pub fn look(&self, customer: &CustomerId, lead: &LeadId) -> Option<LeadRecord> {
        self.0.with(|rows| rows.lead(customer, lead).cloned())
    }

    /// Until when a lead is kept that was set aside, in UNIX seconds. A look from outside.
    #[must_use]
    pub fn aside_until(&self, customer: &CustomerId, lead: &LeadId) -> Option<i64> {
        self.0
            .with(|rows| rows.kept_until.get(&key(customer, lead)).copied())
    }

    /// Removes what was delivered before a moment, as the table does when its time is over; tells how many there were.
    #[must_use]
    pub fn forget_delivered(&self, before: Timestamp) -> usize {
        let is_old =
            |record: &LeadRecord| record.timeline.last().is_some_and(|last| last.at < before);
        let delivered = |record: &LeadRecord| {
            matches!(record.state, LeadState::Delivered { .. }) && is_old(record)
        };
        self.0.with(|rows| {
            let before = rows.leads.len();
            rows.leads.retain(|_, record| !delivered(record));
            let leads = &rows.leads;
            rows.by_person.retain(|(customer, _), ids| {
                ids.retain(|id| leads.contains_key(&key(customer, id)));
                !ids.is_empty()
            });
            before - rows.leads.len()
        })
    }

    /// Changes every lead there is, behind everybody's back.
    pub fn tamper(&self, change: impl FnMut(&mut LeadRecord)) {
        self.0.with(|rows| {
            rows.leads.values_mut().for_each(change);
            rows.stuck.clear();
            rows.aside.clear();
            for (key, record) in &rows.leads {
                shift(&mut rows.stuck, key, None, lanes::stuck_at(record));
                shift(&mut rows.aside, key, None, lanes::aside_at(record));
            }
        });
    }
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new(&Faults::default())
    }
}

impl Rows {
    /// A customer's leads, oldest first.
    pub(super) fn of(&self, customer: &CustomerId) -> impl DoubleEndedIterator<Item = &LeadRecord> {
        let end = |text: &str| (customer.clone(), text.parse().expect("a lead id"));
        let first = end("lead_00000000000000000000000000");
        let last = end("lead_7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        self.leads.range(first..=last).map(|(_, record)| record)
    }

    pub(super) fn lead(&self, customer: &CustomerId, lead: &LeadId) -> Option<&LeadRecord> {
        self.leads.get(&key(customer, lead))
    }

    /// Changes a lead that is there; gives what came of it.
    pub(super) fn change<R>(
        &mut self,
        customer: &CustomerId,
        lead: &LeadId,
        change: impl FnOnce(&mut LeadRecord) -> R,
    ) -> Option<R> {
        let key = key(customer, lead);
        let record = self.leads.get_mut(&key)?;
        let (stuck, aside) = (lanes::stuck_at(record), lanes::aside_at(record));
        let changed = change(record);
        shift(&mut self.stuck, &key, stuck, lanes::stuck_at(record));
        shift(&mut self.aside, &key, aside, lanes::aside_at(record));
        Some(changed)
    }

    /// The same, only if `fits`; says whether it did.
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

    /// Makes a lead's row, unless it is there.
    fn record(&mut self, lead: &Lead, state: &LeadState, due_at: Option<Timestamp>) -> Recorded {
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
        enter(&mut record, state.clone(), lead.received_at, due_at);
        self.insert(record);
        Recorded::New
    }

    fn insert(&mut self, record: LeadRecord) {
        let key = key(&record.lead.customer, &record.lead.id);
        shift(&mut self.stuck, &key, None, lanes::stuck_at(&record));
        shift(&mut self.aside, &key, None, lanes::aside_at(&record));
        let person = (key.0.clone(), record.lead.contact.email.key());
        self.by_person
            .entry(person)
            .or_default()
            .insert(key.1.clone());
        self.leads.insert(key, record);
    }
}

/// Moves a lead from one time to another.
fn shift(
    places: &mut Places,
    key: &(CustomerId, LeadId),
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) {
    if from == to {
        return;
    }
    if let Some(at) = from {
        places.remove(&(at, key.clone()));
    }
    places.extend(to.map(|at| (at, key.clone())));
}

pub(super) fn enter(
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

    async fn set_aside(
        &self,
        lead: &Lead,
        why: QuarantineReason,
        expires_at: i64,
    ) -> Result<Recorded, StoreError> {
        let state = LeadState::Quarantined { why };
        let set_aside = |rows: &mut Rows| {
            let recorded = rows.record(lead, &state, None);
            if recorded == Recorded::New {
                let key = key(&lead.customer, &lead.id);
                rows.kept_until.insert(key, expires_at);
            }
            recorded
        };
        self.0.step(set_aside).await
    }

    async fn claim(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Claim, StoreError> {
        let take = |record: &mut LeadRecord| {
            if record.exported_at.is_some() || !record.state.is_claimable(now) {
                return match &record.state {
                    LeadState::Sending { until, .. } => Claim::Held { until: *until },
                    state => Claim::Settled(state.clone()),
                };
            }
            record.attempts += 1;
            record.due_at = Some(until);
            record.state = LeadState::Sending {
                owner: owner.to_owned(),
                until,
            };
            Claim::Taken(Box::new(record.clone()))
        };
        let claim = |rows: &mut Rows| rows.change(customer, lead, take).unwrap_or(Claim::Missing);
        self.0.step(claim).await
    }

    async fn settle(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        owner: &str,
        settlement: &Settlement,
    ) -> Result<bool, StoreError> {
        let held = |record: &LeadRecord| matches!(&record.state, LeadState::Sending { owner: holder, .. } if holder == owner);
        let Settlement {
            state, at, due_at, ..
        } = settlement;
        let settle = |rows: &mut Rows| {
            rows.change_if(customer, lead, held, |record| {
                enter(record, state.clone(), *at, *due_at);
                if let Some(short) = shortened(&record.timeline) {
                    record.timeline = short;
                }
            })
        };
        self.0.step(settle).await
    }

    async fn requeue(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        seen: Option<Due>,
        at: Timestamp,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let idle = |record: &LeadRecord| {
            let as_seen = match seen {
                Some(seen) => record.state != IMPORT && lanes::due_of(record) == Some(seen),
                None => lanes::is_stuck(record, at),
            };
            record.exported_at.is_none() && as_seen
        };
        let requeue = |rows: &mut Rows| {
            rows.change_if(customer, lead, idle, |record| {
                enter(record, LeadState::Queued, at, Some(due_at));
            })
        };
        self.0.step(requeue).await
    }

    async fn export(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        at: Timestamp,
        _expires_at: Option<i64>,
    ) -> Result<bool, StoreError> {
        let fits = |record: &LeadRecord| {
            record.exported_at.is_none_or(|known| known == at) && asked::can_export(&record.state)
        };
        let export = |rows: &mut Rows| {
            rows.change_if(customer, lead, fits, |record| {
                (record.exported_at, record.due_at) = (Some(at), None);
            })
        };
        self.0.step(export).await
    }

    async fn replay(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        again: bool,
        at: Timestamp,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let fits = |record: &LeadRecord| asked::can_replay(record, again);
        let replay = |rows: &mut Rows| {
            rows.change_if(customer, lead, fits, |record| {
                record.exported_at = None;
                enter(record, LeadState::Queued, at, Some(due_at));
            })
        };
        self.0.step(replay).await
    }

    async fn erase(
        &self,
        blank: &Lead,
        at: Timestamp,
        _expires_at: i64,
    ) -> Result<bool, StoreError> {
        let there = |record: &LeadRecord| record.state != LeadState::Erased;
        let erase = |rows: &mut Rows| {
            rows.kept_until.remove(&key(&blank.customer, &blank.id));
            rows.change_if(&blank.customer, &blank.id, there, |record| {
                record.lead = blank.clone();
                record.exported_at = None;
                record.timeline = asked::timeline_of_nobody(blank, at);
                (record.state, record.due_at) = (LeadState::Erased, None);
            })
        };
        self.0.step(erase).await
    }

    async fn leads_of(
        &self,
        customer: &CustomerId,
        email: &EmailAddress,
    ) -> Result<Vec<LeadId>, StoreError> {
        let find = |rows: &mut Rows| {
            let own = rows.by_person.get(&(customer.clone(), email.key()));
            let own = own.into_iter().flatten().filter(|lead| {
                let record = rows.lead(customer, lead);
                record.is_some_and(|record| record.state != LeadState::Erased)
            });
            own.cloned().collect()
        };
        self.0.step(find).await
    }

    async fn release(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        at: Timestamp,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let aside = |record: &LeadRecord| matches!(record.state, LeadState::Quarantined { .. });
        let release = |rows: &mut Rows| {
            rows.kept_until.remove(&key(customer, lead));
            rows.change_if(customer, lead, aside, |record| {
                enter(record, LeadState::Queued, at, Some(due_at));
            })
        };
        self.0.step(release).await
    }

    async fn lead(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
    ) -> Result<Option<LeadRecord>, StoreError> {
        let read = |rows: &mut Rows| rows.lead(customer, lead).cloned();
        self.0.step(read).await
    }

    async fn owner_of(&self, lead: &LeadId) -> Result<Option<CustomerId>, StoreError> {
        let find = |rows: &mut Rows| {
            let mut keys = rows.leads.keys();
            let key = keys.find(|(_, id)| id == lead);
            key.map(|(customer, _)| customer.clone())
        };
        self.0.step(find).await
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
                let status = filter.status.as_deref();
                status.is_none_or(|word| record.state.word() == word)
                    && filter
                        .since
                        .is_none_or(|since| record.lead.received_at >= since)
            };
            Page {
                next: last.filter(|_| more),
                items: read.into_iter().filter(fits).cloned().collect(),
            }
        };
        self.0.step(list).await
    }

    async fn count(&self, customer: &CustomerId, day: Date) -> Result<Counts, StoreError> {
        let count = |rows: &mut Rows| {
            let mut counts = Counts::new();
            let of_day = rows
                .of(customer)
                .filter(|record| record.lead.id.day() == day);
            for label in of_day.filter_map(counted_as) {
                *counts.entry(label).or_default() += 1;
            }
            counts
        };
        self.0.step(count).await
    }

    async fn overdue(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<(CustomerId, LeadId)>, StoreError> {
        self.0
            .step(|rows| lanes::overdue(rows, now, usize::from(limit)))
            .await
    }

    async fn quarantined(
        &self,
        since: Timestamp,
        limit: u16,
    ) -> Result<Vec<(CustomerId, LeadId)>, StoreError> {
        let list = |rows: &mut Rows| {
            let aside = rows.aside.iter().skip_while(|(at, _)| *at < since);
            let leads = aside.map(|(_, key)| key.clone());
            leads.take(usize::from(limit)).collect()
        };
        self.0.step(list).await
    }

    async fn waiting(
        &self,
        customer: &CustomerId,
        limit: u16,
    ) -> Result<Vec<LanePlace>, StoreError> {
        let list = |rows: &mut Rows| lanes::waiting(rows, customer, usize::from(limit));
        self.0.step(list).await
    }

    async fn due_lanes(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<(CustomerId, Timestamp)>, StoreError> {
        self.0
            .step(|rows| lanes::due(rows, now, usize::from(limit)))
            .await
    }

    async fn mark_lane(&self, customer: &CustomerId, at: Timestamp) -> Result<(), StoreError> {
        self.0.step(|rows| lanes::mark(rows, customer, at)).await
    }

    async fn advance_lane(
        &self,
        customer: &CustomerId,
        seen: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.0
            .step(|rows| lanes::advance(rows, customer, seen, next))
            .await
    }
}
