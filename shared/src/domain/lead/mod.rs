//! A lead and its life: the state machine of the ledger.

mod erased;
mod parse;
mod remote;
mod state;
mod timeline;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::parse::{FieldError, ParsedLead, Rejection};
pub use self::remote::MAX_CUSTOM_FIELDS;
pub use self::state::{
    DeliveryAction, LeadState, OptOutCheck, Permission, QuarantineReason, RefusalReason, WaitReason,
};
pub use self::timeline::{MAX_LINES, TimelineEntry, shortened};
use super::consent::Consent;
use super::contact::{Contact, Note};
use super::ids::{CustomerId, FormId, ImportId, LeadId};
use super::keys::{Seal, SigningKeys};

/// One submission of one person, consent proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// Its id.
    pub id: LeadId,
    /// Whose it is.
    pub customer: CustomerId,
    /// The form it came by.
    pub form: FormId,
    /// The person.
    pub contact: Contact,
    /// The opt-in.
    pub consent: Consent,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// Makes a later change to the consent show; over [`Lead::sealed_text`].
    pub seal: Seal,
    /// What will be cut or left out on the way to Constant Contact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}
impl Lead {
    /// The text the seal is over: who agreed to what, when and where, in one canonical form.
    #[must_use]
    pub fn sealed_text(
        customer: &CustomerId,
        form: &FormId,
        id: &LeadId,
        contact: &Contact,
        consent: &Consent,
    ) -> String {
        serde_json::json!([
            "leadfeed.consent.v1",
            customer,
            form,
            id,
            contact.email,
            consent
        ])
        .to_string()
    }

    /// Whether the consent is as it was sealed.
    #[must_use]
    pub fn is_sealed(&self, keys: &SigningKeys) -> bool {
        let text = Self::sealed_text(
            &self.customer,
            &self.form,
            &self.id,
            &self.contact,
            &self.consent,
        );
        keys.is_intact(&text, &self.seal)
    }
}

/// A lead as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadRecord {
    /// The lead.
    pub lead: Lead,
    /// Where it stands.
    pub state: LeadState,
    /// When it is to be taken up again, if it waits or might be stuck.
    pub due_at: Option<Timestamp>,
    /// How often a drain has claimed it.
    pub attempts: u32,
    /// What became of it so far, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// When it went out by CSV.
    pub exported_at: Option<Timestamp>,
    /// The one import that has it, or had it once.
    pub imported_by: Option<ImportId>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A lead as the first version recorded it.
    pub(crate) fn record() -> LeadRecord {
        let lead = r#"{"id":"lead_01ARZ3NDEKTSV4RRFFQ69G5FAV","customer":"engines","form":"frm_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "contact":{"email":"ada@example.com"},"received_at":"2026-11-23T09:30:00Z","seal":"c2VhbA",
            "consent":{"statement":"Yes.","version":1,"given_at":"2026-11-23T09:30:00Z"}}"#;
        LeadRecord {
            lead: serde_json::from_str(lead).unwrap(),
            state: LeadState::Received,
            due_at: None,
            attempts: 0,
            timeline: vec![],
            exported_at: None,
            imported_by: None,
        }
    }
}
