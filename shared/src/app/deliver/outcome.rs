//! What an answer of Constant Contact means for a lead.

use jiff::{SignedDuration, Timestamp};

use crate::domain::budget::next_midnight;
use crate::domain::crm::CrmError;
use crate::domain::lead::{LeadState, RefusalReason, WaitReason};
use crate::domain::retry::backoff;

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The state the lead enters.
    pub state: LeadState,
    /// When it is to be taken up again, if time alone may help.
    pub due_at: Option<Timestamp>,
}

impl Outcome {
    /// The lead is done with.
    #[must_use]
    pub fn settled(state: LeadState) -> Self {
        Self {
            state,
            due_at: None,
        }
    }

    /// The lead waits: for a person, or until `due_at`.
    #[must_use]
    pub fn waits(why: WaitReason, due_at: Option<Timestamp>) -> Self {
        Self {
            state: LeadState::Waiting { why },
            due_at,
        }
    }

    /// The lead waits for the next day of the budget, which begins at `at`, and up to a minute more: the other
    /// side's day may begin a little later. Leads that wait for the next free moment need no such spreading, since no
    /// more of them are released than there are moments.
    #[must_use]
    pub fn waits_for_day(at: Timestamp, dice: u8) -> Self {
        let pause = SignedDuration::from_millis(235 * i64::from(dice));
        Self::waits(WaitReason::Quota, Some(at + pause))
    }

    /// What an error that was not mended on the spot means for the lead after so many attempts. That a list is gone
    /// is known by now, and is not the reason.
    #[must_use]
    pub fn of_error(error: &CrmError, attempt: u32, now: Timestamp, dice: u8) -> Self {
        let later = Some(now + backoff(attempt, dice));
        match error {
            CrmError::Invalid(words) => {
                let why = if words.blames_address() {
                    RefusalReason::InvalidAddress
                } else {
                    RefusalReason::CcRefused
                };
                Self::settled(LeadState::Refused {
                    why,
                    detail: Some(words.message.clone()),
                })
            }
            CrmError::Forbidden => Self::waits(WaitReason::Rights, None),
            CrmError::QuotaExceeded => Self::waits_for_day(next_midnight(now), dice),
            CrmError::Throttled => Self::waits(WaitReason::Quota, later),
            CrmError::AnswerLost => Self::waits(WaitReason::AnswerLost, later),
            CrmError::Unauthorized
            | CrmError::NotFound(_)
            | CrmError::Conflict(_)
            | CrmError::Unavailable
            | CrmError::Ours(_) => Self::waits(WaitReason::Upstream, later),
        }
    }
}
