use jiff::Timestamp;

use super::lanes;
use super::ledger::MemoryLedger;
use super::ledger_rows::{Rows, enter_state, key};
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::actions;
use crate::domain::lead::{LeadRecord, LeadState, TimelineEntry, shortened};
use crate::ports::{Claim, Claims, Requeue, Settlement, StoreError};

impl Claims for MemoryLedger {
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
            let settled = rows.change_if(customer, lead, held, |record| {
                enter_state(record, state.clone(), *at, *due_at);
                if let Some(short) = shortened(&record.timeline) {
                    record.timeline = short;
                }
            });
            if settled {
                rows.keep_until(key(customer, lead), *expires_at);
            }
            settled
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
            Requeue::Quarantined => matches!(record.state, LeadState::Quarantined { .. }),
            Requeue::OnRequest { again } => actions::can_replay(record, again),
        };
        let line = TimelineEntry {
            at,
            state: LeadState::Queued,
        };
        let requeue = |rows: &mut Rows| {
            let moved = rows.change_if(customer, lead, fits, |record| {
                record.exported_at = None;
                enter_state(record, LeadState::Queued, at, Some(due_at));
            });
            if moved {
                rows.kept_until.remove(&key(customer, lead));
            }
            let known = rows.lead(customer, lead);
            known.is_some_and(|record| record.timeline.last() == Some(&line))
        };
        self.0.step(requeue).await
    }
}
