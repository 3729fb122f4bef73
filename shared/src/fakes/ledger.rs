use jiff::Timestamp;
use jiff::civil::Date;

use super::cell::Cell;
use super::faults::Faults;
use super::lanes;
use super::ledger_rows::{Rows, enter, key};
use crate::domain::asked;
use crate::domain::email::EmailAddress;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{
    Lead, LeadRecord, LeadState, QuarantineReason, TimelineEntry, shortened,
};
use crate::domain::tally::{Counts, add, counted_as};
use crate::ports::{
    Claim, LanePlace, LeadFilter, Ledger, Page, Recorded, Requeue, Settlement, StoreError,
};

/// Leads and what became of them.
#[derive(Debug, Clone)]
pub struct MemoryLedger(pub(super) Cell<Rows>);

impl MemoryLedger {
    /// An empty one.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        Self(Cell::new(faults))
    }

    /// Every lead there is, in the order of customers and ids.
    #[must_use]
    pub fn all(&self) -> Vec<LeadRecord> {
        self.0.with(|rows| rows.all().cloned().collect())
    }

    /// One lead. A look from outside, which is no port call.
    #[must_use]
    pub fn look(&self, customer: &CustomerId, lead: &LeadId) -> Option<LeadRecord> {
        self.0.with(|rows| rows.lead(customer, lead).cloned())
    }

    /// Until when a lead is kept that was set aside or settled, in UNIX seconds. A look from outside.
    #[must_use]
    pub fn kept_until(&self, customer: &CustomerId, lead: &LeadId) -> Option<i64> {
        self.0
            .with(|rows| rows.kept_until.get(&key(customer, lead)).copied())
    }

    /// Removes what was delivered before a moment, as the table does when its time is over; tells how many there were.
    #[must_use]
    pub fn forget_delivered(&self, before: Timestamp) -> usize {
        self.0.with(|rows| rows.forget_delivered(before))
    }

    /// Changes every lead there is, behind everybody's back.
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
        let ours = LeadState::Sending {
            owner: owner.to_owned(),
            until,
        };
        let take = |record: &mut LeadRecord| {
            if record.state == ours {
                return Claim::Taken(Box::new(record.clone()));
            }
            if record.exported_at.is_some() || !record.state.is_claimable(now) {
                return match &record.state {
                    LeadState::Sending { .. } => Claim::Held,
                    _ => Claim::Settled,
                };
            }
            record.attempts += 1;
            record.due_at = Some(until);
            record.state = ours;
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
            state,
            at,
            due_at,
            expires_at,
        } = settlement;
        let settle = |rows: &mut Rows| {
            if let Some(until) = expires_at {
                rows.kept_until.insert(key(customer, lead), *until);
            }
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
        from: Requeue,
        at: Timestamp,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let fits = |record: &LeadRecord| match from {
            Requeue::Waits(seen) => lanes::due_of(record) == Some(seen),
            Requeue::Stuck => record.exported_at.is_none() && lanes::is_stuck(record, at),
            Requeue::Aside => matches!(record.state, LeadState::Quarantined { .. }),
            Requeue::Asked { again } => asked::can_replay(record, again),
        };
        let line = TimelineEntry {
            at,
            state: LeadState::Queued,
        };
        let requeue = |rows: &mut Rows| {
            let moved = rows.change_if(customer, lead, fits, |record| {
                record.exported_at = None;
                enter(record, LeadState::Queued, at, Some(due_at));
            });
            if moved {
                rows.kept_until.remove(&key(customer, lead));
            }
            let known = rows.lead(customer, lead);
            known.is_some_and(|record| record.timeline.last() == Some(&line))
        };
        self.0.step(requeue).await
    }

    async fn export(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        at: Timestamp,
        _expires_at: i64,
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
            let own = rows.of_person(customer, email).filter(|lead| {
                let record = rows.lead(customer, lead);
                record.is_some_and(|record| record.state != LeadState::Erased)
            });
            own.cloned().collect()
        };
        self.0.step(find).await
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
        let find = |rows: &mut Rows| rows.owner_of(lead).cloned();
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
                add(&mut counts, label, 1);
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
        after: Option<&LanePlace>,
        limit: u16,
    ) -> Result<Vec<LanePlace>, StoreError> {
        let list = |rows: &mut Rows| lanes::waiting(rows, customer, after, usize::from(limit));
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
