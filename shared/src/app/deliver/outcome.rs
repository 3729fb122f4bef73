//! What an answer of Constant Contact means for a lead.

use jiff::{SignedDuration, Timestamp};

use crate::domain::budget::quota_back;
use crate::domain::crm::{Blame, CrmError};
use crate::domain::lead::{LeadRecord, LeadState, RefusalReason, WaitReason};
use crate::domain::retry::backoff;

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The state the lead enters.
    pub(super) state: LeadState,
    /// When it is to be taken up again at the earliest, if time alone may help.
    pub(super) due_at: Option<Timestamp>,
}

impl Outcome {
    /// The lead is done with.
    pub(super) fn settled(state: LeadState) -> Self {
        Self {
            state,
            due_at: None,
        }
    }

    /// The lead waits: for a person, or until `due_at`.
    pub(super) fn waits(why: WaitReason, due_at: Option<Timestamp>) -> Self {
        Self {
            state: LeadState::waiting(why),
            due_at,
        }
    }

    /// The lead waits for the next day of the budget, which begins at `at`, and up to a minute more: the other side's
    /// day may begin a little later. Leads that wait for the next free moment need no such spreading, since no more of
    /// them are released than there are moments.
    pub(super) fn waits_for_day(at: Timestamp, jitter: u8) -> Self {
        let pause = SignedDuration::from_millis(235 * i64::from(jitter));
        Self::waits(WaitReason::Quota, Some(at + pause))
    }

    /// Whether the lead is refused for this reason.
    pub(super) fn is_refusal(&self, reason: RefusalReason) -> bool {
        matches!(self.state, LeadState::Refused { why, .. } if why == reason)
    }

    /// When a lead with this outcome is to be taken up again: after repeated trouble, at growing intervals.
    pub(super) fn due_of(
        &self,
        record: &LeadRecord,
        now: Timestamp,
        jitter: u8,
    ) -> Option<Timestamp> {
        let (Self { state, due_at }, later) =
            (self, backoff(record.transient_failures() + 1, jitter));
        match state {
            LeadState::Waiting { why } if why.is_transient() => (*due_at).max(Some(now + later)),
            _ => *due_at,
        }
    }

    /// What an error that was not fixed on the spot means for the lead, given what it blames. That a list is gone is
    /// known by now, and is not the reason.
    pub(super) fn of_error(error: &CrmError, blames: &[Blame], now: Timestamp, jitter: u8) -> Self {
        match error {
            CrmError::Invalid(refusal) => {
                let why = if blames.contains(&Blame::Email) {
                    RefusalReason::InvalidAddress
                } else {
                    RefusalReason::CcRefused
                };
                Self::settled(LeadState::Refused {
                    why,
                    detail: Some(refusal.message()),
                })
            }
            CrmError::Forbidden => Self::waits(WaitReason::Rights, None),
            CrmError::QuotaExceeded => Self::waits_for_day(quota_back(now), jitter),
            CrmError::Throttled { retry_after } => {
                let later = backoff(1, jitter).max(*retry_after);
                Self::waits(WaitReason::Quota, Some(now + later))
            }
            CrmError::AnswerLost => Self::waits(WaitReason::AnswerLost, None),
            CrmError::Unauthorized
            | CrmError::NotFound(_)
            | CrmError::Conflict(_)
            | CrmError::Unavailable
            | CrmError::BadRequest(_) => Self::waits(WaitReason::Upstream, None),
        }
    }
}
