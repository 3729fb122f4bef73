//! What is due: the ledger's leads by time.

use jiff::Timestamp;

use super::imports::IMPORT;
use super::ledger::MemoryLedger;
use super::ledger_rows::Rows;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{LeadRecord, LeadState};
use crate::ports::{Due, LaneMark, LanePlace, Lanes, RECHECK_DELAY, StoreError};

/// When a customer's waiting leads are to be looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    first: Timestamp,
    last: Timestamp,
    /// Whether `first` is only the extra look after the last mark.
    emptied: bool,
}

impl Lanes for MemoryLedger {
    async fn overdue(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<(CustomerId, LeadId)>, StoreError> {
        self.0
            .step(|rows| overdue(rows, now, usize::from(limit)))
            .await
    }

    async fn quarantined(
        &self,
        since: Timestamp,
        limit: u16,
    ) -> Result<Vec<(CustomerId, LeadId)>, StoreError> {
        let list = |rows: &mut Rows| {
            let quarantined = rows.quarantined.iter().skip_while(|(at, _)| *at < since);
            let leads = quarantined.map(|(_, key)| key.clone());
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
        let list = |rows: &mut Rows| waiting(rows, customer, after, usize::from(limit));
        self.0.step(list).await
    }

    async fn backlog(&self, customer: &CustomerId, most: usize) -> Result<usize, StoreError> {
        let count = |rows: &mut Rows| waiting(rows, customer, None, most).len();
        self.0.step(count).await
    }

    async fn due_lanes(
        &self,
        now: Timestamp,
        after: Option<&LaneMark>,
        limit: u16,
    ) -> Result<Vec<LaneMark>, StoreError> {
        let list = |rows: &mut Rows| due(rows, now, after, usize::from(limit));
        self.0.step(list).await
    }

    async fn mark_lane(&self, customer: &CustomerId, at: Timestamp) -> Result<(), StoreError> {
        self.0.step(|rows| mark(rows, customer, at)).await
    }

    async fn advance_lane(
        &self,
        customer: &CustomerId,
        seen: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.0
            .step(|rows| advance(rows, customer, seen, next))
            .await
    }
}

/// Whether nobody works at `now` on a lead that is in no lane.
pub(super) fn is_stuck(record: &LeadRecord, now: Timestamp) -> bool {
    let due = record.due_at.is_some_and(|due| due <= now);
    match &record.state {
        LeadState::Received => true,
        LeadState::Queued | LeadState::Sending { .. } => due,
        LeadState::Waiting { .. }
        | LeadState::Delivered { .. }
        | LeadState::Refused { .. }
        | LeadState::Quarantined { .. }
        | LeadState::Erased => false,
    }
}

/// When a waiting lead is due. A lead taken by an import is not.
pub(super) fn due_of(record: &LeadRecord) -> Option<Due> {
    let waits = matches!(record.state, LeadState::Waiting { .. })
        && record.state != IMPORT
        && record.exported_at.is_none();
    let since = record.timeline.last().map(|line| line.at);
    let for_person = since.map(|since| Due::ForPerson { since });
    record.due_at.map(Due::At).or(for_person).filter(|_| waits)
}

/// When to look at a lead that is in no lane.
pub(super) fn stuck_at(record: &LeadRecord) -> Option<Timestamp> {
    let under_way = matches!(
        record.state,
        LeadState::Received | LeadState::Queued | LeadState::Sending { .. }
    );
    record.due_at.filter(|_| under_way)
}

/// When a quarantined lead came in.
pub(super) fn quarantined_at(record: &LeadRecord) -> Option<Timestamp> {
    let is_quarantined = matches!(record.state, LeadState::Quarantined { .. });
    is_quarantined.then_some(record.lead.received_at)
}

fn overdue(rows: &Rows, now: Timestamp, limit: usize) -> Vec<(CustomerId, LeadId)> {
    let due = rows.stuck.iter().take_while(|(at, _)| *at <= now);
    due.take(limit).map(|(_, key)| key.clone()).collect()
}

fn waiting(
    rows: &Rows,
    customer: &CustomerId,
    after: Option<&LanePlace>,
    limit: usize,
) -> Vec<LanePlace> {
    let mut waiting: Vec<_> = rows
        .of(customer)
        .filter_map(|record| Some((record.lead.id.clone(), due_of(record)?)))
        .collect();
    // A stable sort: leads of the same time stay in the order of their ids.
    waiting.sort_by_key(|(_, due)| *due);
    if let Some((lead, due)) = after {
        waiting.retain(|(own, when)| (when, own) > (due, lead));
    }
    waiting.truncate(limit);
    waiting
}

fn due(rows: &Rows, now: Timestamp, after: Option<&LaneMark>, limit: usize) -> Vec<LaneMark> {
    let marks = rows
        .lanes
        .iter()
        .map(|(customer, lane)| (customer.clone(), lane.first));
    let mut due: Vec<_> = marks.filter(|(_, at)| *at <= now).collect();
    // A stable sort: marks of the same time stay in the order of the customers.
    due.sort_by_key(|(_, at)| *at);
    if let Some((customer, at)) = after {
        due.retain(|(own, when)| (when, own) > (at, customer));
    }
    due.truncate(limit);
    due
}

fn mark(rows: &mut Rows, customer: &CustomerId, at: Timestamp) {
    let lane = rows.lanes.entry(customer.clone());
    let lane = lane.or_insert(Lane {
        first: at,
        last: at,
        emptied: false,
    });
    lane.first = lane.first.min(at);
    lane.last = lane.last.max(at);
}

fn advance(rows: &mut Rows, customer: &CustomerId, seen: Timestamp, next: Option<Timestamp>) {
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
    if !lane.emptied {
        let again = seen + RECHECK_DELAY;
        rows.lanes.entry(customer.clone()).or_insert(Lane {
            first: again,
            last: again,
            emptied: true,
        });
    }
}
