use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::contact::Note;
use crate::domain::ids::RemoteId;
use crate::domain::word_enum::word_enum;

/// What became of a lead. Each variant carries only what that state has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum LeadState {
    /// Recorded; the queue has not accepted it yet.
    Received,
    /// Recorded and in the queue.
    Queued,
    /// A drain has claimed it.
    Sending {
        /// The claim's random owner.
        owner: String,
        /// When the claim lapses.
        until: Timestamp,
    },
    /// It is in Constant Contact.
    Delivered {
        /// The contact's id there; `None` if the answer lacked it.
        contact: Option<RemoteId>,
        /// Whether the contact was new.
        action: DeliveryAction,
        /// The permission it was recorded with.
        permission: Permission,
        /// Why it brought nobody back who had left.
        #[serde(default)]
        opt_out_check: OptOutCheck,
        /// What Constant Contact would not accept and the lead went without.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<Note>,
    },
    /// It will go out once something has changed.
    Waiting {
        /// What it waits for.
        why: WaitReason,
    },
    /// It will not go out.
    Refused {
        /// The reason.
        why: RefusalReason,
        /// Constant Contact's own words, if they are the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// It looked like a robot's, or exceeds a day's limit; a person decides.
    Quarantined {
        /// The reason.
        why: QuarantineReason,
    },
    /// Its data was erased on request.
    Erased,
}

word_enum! {
    /// A [`LeadState`] without what it carries.
    pub enum LeadStatus {
        /// [`LeadState::Received`].
        Received = "received",
        /// [`LeadState::Queued`].
        Queued = "queued",
        /// [`LeadState::Sending`].
        Sending = "sending",
        /// [`LeadState::Delivered`].
        Delivered = "delivered",
        /// [`LeadState::Waiting`].
        Waiting = "waiting",
        /// [`LeadState::Refused`].
        Refused = "refused",
        /// [`LeadState::Quarantined`].
        Quarantined = "quarantined",
        /// [`LeadState::Erased`].
        Erased = "erased",
    }
}

/// What a delivery did to the contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryAction {
    /// The contact is new.
    Created,
    /// The contact existed and now has the lead's data.
    Updated,
    /// By bulk import, which does not say.
    Imported,
    /// The answer to the call that made or updated it was lost; the contact was found afterwards.
    Found,
}

/// How a lead was checked against the account's opt-outs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptOutCheck {
    /// Not at all: the person had just agreed.
    #[default]
    NotNeeded,
    /// The person had not left since they agreed.
    Clear,
    /// The person had left, or the account had deleted the contact, and they agreed again after that.
    CameBack {
        /// When that was.
        left_at: Timestamp,
    },
    /// By Constant Contact, which imports nobody who has left; contacts that it deleted were left out of the import.
    Remote,
}

impl OptOutCheck {
    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotNeeded => "not_needed",
            Self::Clear => "clear",
            Self::CameBack { .. } => "came_back",
            Self::Remote => "remote",
        }
    }
}

/// The permission a contact has at Constant Contact after a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Asked and agreed.
    Explicit,
    /// Inferred: all that a bulk import can record.
    Implicit,
    /// The account asks for a confirmation by mail; nothing shows whether it has been given.
    PendingConfirmation,
}

word_enum! {
    /// What a lead waits for.
    pub enum WaitReason {
        /// The customer has not connected an account.
        NotConnected = "not_connected",
        /// The connection died; the customer has to connect again.
        Reconnect = "reconnect",
        /// The connected user or application lacks a right.
        Rights = "rights",
        /// No list is chosen, or the chosen one is gone.
        NoList = "no_list",
        /// The budget for calls is spent.
        Quota = "quota",
        /// Constant Contact, or something on the way to it, is out of order.
        Upstream = "upstream",
        /// The call's answer was lost; the lead goes out again once it is certain that the person has not left since.
        AnswerLost = "answer_lost",
        /// A bulk import has taken it.
        Import = "import",
    }
}

impl WaitReason {
    /// Whether only a person can end the wait.
    #[must_use]
    pub fn needs_person(self) -> bool {
        matches!(
            self,
            Self::NotConnected | Self::Reconnect | Self::Rights | Self::NoList
        )
    }

    /// Whether Constant Contact neither accepted nor refused it.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Upstream | Self::AnswerLost)
    }
}

word_enum! {
    /// Why a lead will not go out.
    pub enum RefusalReason {
        /// The person opted out, or the account deleted the contact, after this consent was given.
        OptedOutAfterConsent = "opted_out_after_consent",
        /// Constant Contact does not accept the address.
        InvalidAddress = "invalid_address",
        /// Constant Contact refuses the lead for good, or has neither accepted nor refused it for days on which it accepted
        /// others.
        CcRefused = "cc_refused",
        /// The address is on the customer's suppression list.
        Suppressed = "suppressed",
        /// The customer was deleted.
        CustomerDeleted = "customer_deleted",
        /// The consent record was changed after it was sealed.
        SealBroken = "seal_broken",
        /// The lead has waited until its consent was older than two years.
        ConsentTooOld = "consent_too_old",
    }
}

word_enum! {
    /// Why a lead was set aside.
    pub enum QuarantineReason {
        /// The field that people do not see was filled in.
        Honeypot = "honeypot",
        /// Filled in faster than people type.
        TooFast = "too_fast",
        /// The captcha failed or could not be checked.
        Captcha = "captcha",
        /// Its address was submitted too often by the form on one day.
        RepeatedAddress = "repeated_address",
        /// The form had already let out as many leads as it may in a day.
        DailyLimit = "daily_limit",
    }
}

impl LeadState {
    /// It waits for this.
    #[must_use]
    pub const fn waiting(why: WaitReason) -> Self {
        Self::Waiting { why }
    }

    /// It is refused for this, without a message of Constant Contact's.
    #[must_use]
    pub const fn refused(why: RefusalReason) -> Self {
        Self::Refused { why, detail: None }
    }

    /// Which state it is, without what that state carries.
    #[must_use]
    pub fn status(&self) -> LeadStatus {
        match self {
            Self::Received => LeadStatus::Received,
            Self::Queued => LeadStatus::Queued,
            Self::Sending { .. } => LeadStatus::Sending,
            Self::Delivered { .. } => LeadStatus::Delivered,
            Self::Waiting { .. } => LeadStatus::Waiting,
            Self::Refused { .. } => LeadStatus::Refused,
            Self::Quarantined { .. } => LeadStatus::Quarantined,
            Self::Erased => LeadStatus::Erased,
        }
    }

    /// The stable word of this state.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        self.status().as_str()
    }

    /// Whether a drain may take the lead up at `now`: it is on its way and nobody else holds it.
    #[must_use]
    pub fn is_claimable(&self, now: Timestamp) -> bool {
        match self {
            Self::Received | Self::Queued => true,
            Self::Waiting { why } => *why != WaitReason::Import,
            Self::Sending { until, .. } => *until <= now,
            Self::Delivered { .. }
            | Self::Refused { .. }
            | Self::Quarantined { .. }
            | Self::Erased => false,
        }
    }

    /// Whether a lead in this state is in the account, or may be or get there by an earlier call.
    #[must_use]
    pub fn may_be_in_account(&self) -> bool {
        match self {
            Self::Delivered { .. } => true,
            Self::Waiting { why } => matches!(why, WaitReason::AnswerLost | WaitReason::Import),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settled_lead_is_never_claimable_and_a_claimed_one_only_after_its_lapse() {
        let delivered = LeadState::Delivered {
            contact: None,
            action: DeliveryAction::Created,
            permission: Permission::Explicit,
            opt_out_check: OptOutCheck::NotNeeded,
            notes: vec![],
        };
        let claimed = LeadState::Sending {
            owner: "a".into(),
            until: Timestamp::UNIX_EPOCH,
        };

        assert!(!delivered.is_claimable(Timestamp::MAX));
        assert!(!LeadState::Erased.is_claimable(Timestamp::MAX));
        assert!(!claimed.is_claimable(Timestamp::MIN));
        assert!(claimed.is_claimable(Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn state_is_stored_under_the_word_of_its_status() {
        let sending = LeadState::Sending {
            owner: "a".into(),
            until: Timestamp::UNIX_EPOCH,
        };
        let delivered = LeadState::Delivered {
            contact: None,
            action: DeliveryAction::Created,
            permission: Permission::Explicit,
            opt_out_check: OptOutCheck::NotNeeded,
            notes: vec![],
        };
        let why = QuarantineReason::Honeypot;
        let states = [
            LeadState::Received,
            LeadState::Queued,
            sending,
            delivered,
            LeadState::waiting(WaitReason::Quota),
            LeadState::refused(RefusalReason::Suppressed),
            LeadState::Quarantined { why },
            LeadState::Erased,
        ];

        assert_eq!(states.each_ref().map(LeadState::status), LeadStatus::ALL);
        for state in states {
            let stored = serde_json::to_value(&state).unwrap();
            assert_eq!(stored["status"], state.as_str());
        }
    }
}
