//! What is due: the ledger's view of leads by time.

use jiff::Timestamp;

use super::imports::IMPORT;
use super::ledger::Rows;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{LeadRecord, LeadState, WaitReason};

/// When a customer's waiting leads are to be looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    first: Timestamp,
    last: Timestamp,
}

/// Whether nobody is at work on the lead at `now`.
pub(super) fn is_idle(record: &LeadRecord, now: Timestamp) -> bool {
    let stuck = record.due_at.is_some_and(|due| due <= now);
    match &record.state {
        LeadState::Received => true,
        LeadState::Queued | LeadState::Sending { .. } => stuck,
        LeadState::Waiting { why } => *why != WaitReason::Import || stuck,
        LeadState::Delivered { .. }
        | LeadState::Refused { .. }
        | LeadState::Quarantined { .. }
        | LeadState::Erased => false,
    }
}

/// When somebody has to look at a lead that no lane holds.
pub(super) fn stuck_at(record: &LeadRecord) -> Option<Timestamp> {
    let under_way = matches!(
        record.state,
        LeadState::Received | LeadState::Queued | LeadState::Sending { .. }
    );
    record.due_at.filter(|_| under_way)
}

/// When a lead came in that is set aside.
pub(super) fn aside_at(record: &LeadRecord) -> Option<Timestamp> {
    let aside = matches!(record.state, LeadState::Quarantined { .. });
    aside.then_some(record.lead.received_at)
}

pub(super) fn overdue(rows: &Rows, now: Timestamp, limit: usize) -> Vec<(CustomerId, LeadId)> {
    let due = rows.stuck.iter().take_while(|(at, _)| *at <= now);
    due.take(limit).map(|(_, key)| key.clone()).collect()
}

/// Leads that an import has taken are the import's, and in no lane.
pub(super) fn waiting(
    rows: &Rows,
    customer: &CustomerId,
    limit: usize,
) -> Vec<(LeadId, Option<Timestamp>)> {
    let is_taken = |record: &LeadRecord| {
        let key = || (customer.clone(), record.lead.id.clone());
        record.state == IMPORT && rows.taken.contains_key(&key())
    };
    let mut waiting: Vec<_> = rows
        .of(customer)
        .filter(|record| {
            record.exported_at.is_none() && matches!(record.state, LeadState::Waiting { .. })
        })
        .filter(|record| !is_taken(record))
        .map(|record| (record.lead.id.clone(), record.due_at))
        .collect();
    // Leads of one time are in the order of their ids already.
    waiting.sort_by_key(|(_, due)| due.unwrap_or(Timestamp::MAX));
    waiting.truncate(limit);
    waiting
}

pub(super) fn due(rows: &Rows, now: Timestamp, limit: usize) -> Vec<(CustomerId, Timestamp)> {
    let marks = rows
        .lanes
        .iter()
        .map(|(who, lane)| (who.clone(), lane.first));
    let mut due: Vec<_> = marks.filter(|(_, at)| *at <= now).collect();
    due.sort_by_key(|(_, at)| *at);
    due.truncate(limit);
    due
}

pub(super) fn mark(rows: &mut Rows, customer: &CustomerId, at: Timestamp) {
    let lane = rows.lanes.entry(customer.clone());
    let lane = lane.or_insert(Lane {
        first: at,
        last: at,
    });
    lane.first = lane.first.min(at);
    lane.last = lane.last.max(at);
}

pub(super) fn advance(
    rows: &mut Rows,
    customer: &CustomerId,
    seen: Timestamp,
    next: Option<Timestamp>,
) {
    let Some(lane) = rows.lanes.remove(customer) else {
        return;
    };
    if lane.first != seen {
        rows.lanes.insert(customer.clone(), lane);
        return;
    }
    let remembered = Some(lane.last).filter(|last| *last > seen);
    for at in next.into_iter().chain(remembered) {
        mark(rows, customer, at);
    }
}
