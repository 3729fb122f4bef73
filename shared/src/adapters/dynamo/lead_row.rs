//! A lead's row, and its place in the index `due`.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys;
use super::table::{Item, read, text, value};
use crate::domain::ids::{CustomerId, ImportId, LeadId};
use crate::domain::lead::{Lead, LeadRecord, LeadState, LeadStatus, TimelineEntry};
use crate::ports::{Due, StoreError, causes};

/// A lead as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct LeadRow {
    lead: Lead,
    state: LeadState,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    timeline: Vec<TimelineEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exported_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    imported_by: Option<ImportId>,
    /// In milliseconds, for the filter of a listing.
    received_at: i64,
    /// In milliseconds; like `due_shard`, only set while something is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_shard: Option<String>,
}

impl LeadRow {
    /// The row of a new lead.
    pub(super) fn new(lead: &Lead, state: &LeadState, due_at: Timestamp) -> Self {
        let since = lead.received_at;
        let due = due(&lead.customer, &lead.id, state, Some(due_at), since);
        let (due_shard, due_at) = due.unzip();
        Self {
            lead: lead.clone(),
            state: state.clone(),
            attempts: 0,
            timeline: vec![TimelineEntry {
                at: lead.received_at,
                state: state.clone(),
            }],
            exported_at: None,
            imported_by: None,
            received_at: lead.received_at.as_millisecond(),
            due_at,
            due_shard,
        }
    }
}

impl From<LeadRow> for LeadRecord {
    fn from(row: LeadRow) -> Self {
        let is_quarantined = matches!(row.state, LeadState::Quarantined { .. });
        let due_at = row
            .due_at
            .filter(|at| *at < FOR_A_PERSON && !is_quarantined);
        Self {
            lead: row.lead,
            state: row.state,
            due_at: due_at.and_then(|at| Timestamp::from_millisecond(at).ok()),
            attempts: row.attempts,
            timeline: row.timeline,
            exported_at: row.exported_at,
            imported_by: row.imported_by,
        }
    }
}

/// The due time of leads that wait for a person, in milliseconds: 9999-01-01, plus the time from 1970 to the start of
/// the wait, so that one wait can be told from the next.
const FOR_A_PERSON: i64 = 253_370_764_800_000;

/// The value of `due_at`.
pub(super) fn due_millis(due: Due) -> i64 {
    match due {
        Due::At(at) => at.as_millisecond(),
        Due::ForPerson { since } => FOR_A_PERSON + since.as_millisecond(),
    }
}

/// The meaning of `due_at`.
pub(super) fn due_of(millis: i64) -> Option<Due> {
    let moment = |millis| Timestamp::from_millisecond(millis).ok();
    match millis - FOR_A_PERSON {
        since @ 0.. => moment(since).map(|since| Due::ForPerson { since }),
        _ => moment(millis).map(Due::At),
    }
}

/// The place in the index `due` of a lead that entered this state `since` then, if anything is due. A quarantined lead
/// is not due, but is in the index so that it can be found.
pub(super) fn due(
    customer: &CustomerId,
    lead: &LeadId,
    state: &LeadState,
    at: Option<Timestamp>,
    since: Timestamp,
) -> Option<(String, i64)> {
    match state {
        LeadState::Received | LeadState::Queued | LeadState::Sending { .. } => {
            Some((keys::shard_of(lead), at?.as_millisecond()))
        }
        LeadState::Waiting { .. } => {
            let due = at.map_or(Due::ForPerson { since }, Due::At);
            Some((keys::lane_shard(customer), due_millis(due)))
        }
        LeadState::Quarantined { .. } => {
            Some((keys::quarantine_shard_of(lead), at?.as_millisecond()))
        }
        LeadState::Delivered { .. } | LeadState::Refused { .. } | LeadState::Erased => None,
    }
}

/// A status as it is stored in the state.
pub(super) fn status(status: LeadStatus) -> AttributeValue {
    text(status.as_str())
}

pub(super) fn record(item: Item) -> Result<Box<LeadRecord>, StoreError> {
    read::<LeadRow>(item).map(|row| Box::new(row.into()))
}

/// The leads of some rows. An unreadable one, perhaps written by a later version, is left out.
pub(super) fn readable(items: Vec<Item>) -> impl Iterator<Item = LeadRecord> {
    items.into_iter().filter_map(|item| match record(item) {
        Ok(record) => Some(*record),
        Err(error) => {
            tracing::error!(error = %causes(&error), "a lead's row cannot be read and is left out");
            None
        }
    })
}

/// A line of the timeline, as a list to append.
pub(super) fn line(at: Timestamp, state: &LeadState) -> Result<AttributeValue, StoreError> {
    value(&[TimelineEntry {
        at,
        state: state.clone(),
    }])
}
