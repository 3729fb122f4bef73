use jiff::Timestamp;

use super::cells::{Dialect, is_formula};
use crate::domain::lead::actions::{can_disclose, can_export};
use crate::domain::lead::{LeadRecord, LeadState, RefusalReason, WaitReason};

/// Which leads go into a file. Never leads of people whom the customer does not want mailed, nor a person's leads that
/// are older than one refused, in the same part, for an opt-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selection {
    /// Those that Constant Contact does not have and could accept; they are marked, and are neither delivered singly
    /// nor selected again.
    Undelivered,
    /// Those that were marked before: the same file again.
    Exported,
    /// Those that were delivered.
    Delivered,
    /// All of these, and those just being sent. A file for a spreadsheet also has those that Constant Contact would not
    /// accept and those set aside: everything that the customer may know and use otherwise.
    All,
}

impl Selection {
    /// Each.
    pub(super) const ALL: [Self; 4] = [
        Self::Undelivered,
        Self::Exported,
        Self::Delivered,
        Self::All,
    ];

    /// Its word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Undelivered => "undelivered",
            Self::Exported => "exported",
            Self::Delivered => "delivered",
            Self::All => "all",
        }
    }

    /// No file has a lead that was erased, or refused because its person had opted out. An upload also has none that
    /// was set aside, has waited until its consent was too old, or has an address, which cannot be shortened, that
    /// begins like a formula. A lead that was marked as of `at` is in the same part again.
    pub(super) fn takes(self, dialect: Dialect, record: &LeadRecord, at: Timestamp) -> bool {
        if dialect == Dialect::Upload && is_formula(record.lead.contact.email.as_str()) {
            return false;
        }
        let pending = can_export(&record.state) && !record.lead.consent.is_too_old(at);
        let exported = record.exported_at.is_some_and(|marked| marked != at);
        let delivered = matches!(record.state, LeadState::Delivered { .. });
        match self {
            Self::Undelivered => pending && !exported,
            Self::Exported => pending && record.exported_at.is_some(),
            Self::Delivered => delivered,
            Self::All if dialect == Dialect::Spreadsheet => can_disclose(&record.state),
            Self::All => pending || delivered || is_under_way(&record.state),
        }
    }
}

/// Whether a drain or an import holds a lead at this moment.
fn is_under_way(state: &LeadState) -> bool {
    matches!(
        state,
        LeadState::Sending { .. }
            | LeadState::Waiting {
                why: WaitReason::Import
            }
    )
}

/// Whether a lead was refused because its person had opted out after the consent.
pub(super) fn was_opted_out(state: &LeadState) -> bool {
    let LeadState::Refused { why, .. } = state else {
        return false;
    };
    *why == RefusalReason::OptedOutAfterConsent
}
