use jiff::Timestamp;

use super::cells::{Dialect, is_formula};
use crate::domain::lead::actions::{can_disclose, can_export};
use crate::domain::lead::{LeadRecord, LeadState, RefusalReason, WaitReason};

/// Which leads go into a file. Nobody's whom the customer does not want mailed, and no older ones of a person in whose way
/// an opt-out was found in the same part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selection {
    /// Those that Constant Contact has not got and could take; they are marked, and are neither delivered by
    /// themselves nor chosen again.
    Undelivered,
    /// Those that were marked before: the file once more.
    Exported,
    /// Those that were delivered.
    Delivered,
    /// All of these, and those that are just being sent. In a file for a spreadsheet also those that Constant Contact would
    /// not take and those that are set aside: all that the customer may know and use otherwise.
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

    /// No lead goes out that was refused because its person had opted out, or erased; into an upload none either that was set
    /// aside, or has waited until its consent was too old, or whose address, of which nothing can be left out, begins as a
    /// formula does. A lead that was marked as of `at` is in the same part once more.
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

/// Whether a drain or an import has a lead at this moment.
fn is_under_way(state: &LeadState) -> bool {
    matches!(
        state,
        LeadState::Sending { .. }
            | LeadState::Waiting {
                why: WaitReason::Import
            }
    )
}

/// Whether a lead ended because its person had opted out after the consent.
pub(super) fn was_opted_out(state: &LeadState) -> bool {
    let LeadState::Refused { why, .. } = state else {
        return false;
    };
    *why == RefusalReason::OptedOutAfterConsent
}
