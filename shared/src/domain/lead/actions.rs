//! Which states of a lead allow what a person, a file or an import asks for.

use jiff::Timestamp;

use super::{Lead, LeadRecord, LeadState, RefusalReason, TimelineEntry, WaitReason};

/// Whether a lead in this state can leave in a file: nobody holds it, it is not done with, and it was not refused for
/// what an upload would pass over.
#[must_use]
pub fn can_export(state: &LeadState) -> bool {
    match state {
        LeadState::Refused { why, .. } => matches!(
            why,
            RefusalReason::CcRefused | RefusalReason::CustomerDeleted
        ),
        state => can_move(state),
    }
}

/// Whether a customer may be told in a file of who a lead in this state is, to do with as they like.
///
/// Not of somebody who is gone, who has left or was never to be mailed, nor of one whose proof of consent was changed.
#[must_use]
pub fn can_disclose(state: &LeadState) -> bool {
    match state {
        LeadState::Erased => false,
        LeadState::Refused { why, .. } => !matches!(
            why,
            RefusalReason::OptedOutAfterConsent
                | RefusalReason::Suppressed
                | RefusalReason::SealBroken
        ),
        _ => true,
    }
}

/// Whether a lead in this state is anybody's to move: nobody holds it and it is not done with.
fn can_move(state: &LeadState) -> bool {
    match state {
        LeadState::Received | LeadState::Queued | LeadState::Refused { .. } => true,
        LeadState::Waiting { why } => *why != WaitReason::Import,
        LeadState::Sending { .. }
        | LeadState::Delivered { .. }
        | LeadState::Quarantined { .. }
        | LeadState::Erased => false,
    }
}

/// Whether a lead can be put into the queue by request; with `again` although it went out in a file.
#[must_use]
pub fn can_replay(record: &LeadRecord, again: bool) -> bool {
    match (record.exported_at, &record.state) {
        (Some(_), state) => again && can_move(state),
        (None, LeadState::Queued) => false, // it is there
        (None, state) => can_move(state),
    }
}

/// Whether an import may take a lead: it waits for anything but another import or a lost answer, and went out in no file.
#[must_use]
pub fn can_import(record: &LeadRecord) -> bool {
    let waits = matches!(record.state, LeadState::Waiting { .. });
    waits && !record.state.may_be_there() && record.exported_at.is_none()
}

/// What is told of a lead whose person was erased.
#[must_use]
pub fn erased_timeline(lead: &Lead, at: Timestamp) -> Vec<TimelineEntry> {
    let line = |at, state| TimelineEntry { at, state };
    vec![
        line(lead.received_at, LeadState::Received),
        line(at, LeadState::Erased),
    ]
}
