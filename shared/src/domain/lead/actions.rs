//! Which actions (by a person, a file or an import) the state of a lead allows.

use jiff::Timestamp;

use super::{Lead, LeadRecord, LeadState, RefusalReason, TimelineEntry, WaitReason};

/// Whether a lead in this state can leave in a file: nobody holds it, it is not done with, and it was not refused for a
/// reason that an upload would ignore.
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

/// Whether a file may tell the customer the person of a lead in this state, to use as they like.
///
/// Not if the person was erased, has left or was never to be mailed, nor if the proof of consent was changed.
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

/// Whether a lead in this state can be moved by anybody: nobody holds it and it is not done with.
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

/// Whether a lead can be put into the queue on request; with `again`, even if it went out in a file.
#[must_use]
pub fn can_replay(record: &LeadRecord, again: bool) -> bool {
    match (record.exported_at, &record.state) {
        (Some(_), state) => again && can_move(state),
        (None, LeadState::Queued) => false, // it is there already
        (None, state) => can_move(state),
    }
}

/// Whether an import may take a lead: it waits, but not for another import or after a lost answer, and it went out in
/// no file.
#[must_use]
pub fn can_import(record: &LeadRecord) -> bool {
    let waits = matches!(record.state, LeadState::Waiting { .. });
    waits && !record.state.may_be_in_account() && record.exported_at.is_none()
}

/// The timeline shown for a lead whose person was erased.
#[must_use]
pub fn erased_timeline(lead: &Lead, at: Timestamp) -> Vec<TimelineEntry> {
    let line = |at, state| TimelineEntry { at, state };
    vec![
        line(lead.received_at, LeadState::Received),
        line(at, LeadState::Erased),
    ]
}
