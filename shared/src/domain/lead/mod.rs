//! A lead and its life: the state machine of the ledger.

pub mod actions;
mod erased;
mod parse;
mod remote;
mod state;
mod timeline;
mod us_states;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::parse::{FieldError, ParsedLead, Rejection};
pub use self::remote::{MAX_CUSTOM_CHARS, MAX_CUSTOM_FIELDS, in_two_lines};
pub use self::state::{
    DeliveryAction, LeadState, LeadStatus, OptOutCheck, Permission, QuarantineReason,
    RefusalReason, WaitReason,
};
pub use self::timeline::{MAX_LINES, TimelineEntry, shortened};
use super::consent::Consent;
use super::contact::{Contact, Note};
use super::ids::{CustomerId, FormId, ImportId, LeadId};
use super::keys::{Seal, SigningKeys};
use super::suppression::PersonId;

/// One submission by one person, with proven consent.
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
    /// Reveals a later change to the consent ([`Lead::sealed`]).
    pub seal: Seal,
    /// What is cut or left out on the way to Constant Contact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl Lead {
    /// A customer's lead from what a form received, sealed.
    #[must_use]
    pub fn new(
        customer: CustomerId,
        form: FormId,
        id: LeadId,
        parsed: ParsedLead,
        received_at: Timestamp,
        keys: &SigningKeys,
    ) -> Self {
        let ParsedLead {
            contact,
            consent,
            notes,
        } = parsed;
        let lead = Self {
            id,
            customer,
            form,
            contact,
            consent,
            received_at,
            seal: Seal::default(),
            notes,
        };
        lead.sealed(keys)
    }

    /// The lead with a seal over what it says now.
    #[must_use]
    pub fn sealed(self, keys: &SigningKeys) -> Self {
        let seal = keys.seal(&self.sealed_text());
        Self { seal, ..self }
    }

    /// The person it is of, as lists of people name them.
    #[must_use]
    pub fn person(&self, keys: &SigningKeys) -> PersonId {
        PersonId::of(keys, &self.customer, &self.contact.email)
    }

    /// The text that the seal covers: who agreed to what, for which brand, when and where, and when it was received, in
    /// one canonical form.
    fn sealed_text(&self) -> String {
        serde_json::json!([
            "leadfeed.consent.v2",
            self.customer,
            self.form,
            self.id,
            self.contact.email,
            self.consent,
            self.received_at
        ])
        .to_string()
    }

    /// Whether the consent is as it was sealed.
    #[must_use]
    pub fn is_sealed(&self, keys: &SigningKeys) -> bool {
        let texts = [self.sealed_text(), self.first_sealed_text()];
        texts.iter().any(|text| keys.is_intact(text, &self.seal))
    }

    /// The text that seals covered before brand and time of receipt were included. A consent with a brand never had
    /// such a seal, so adding a brand later breaks it.
    fn first_sealed_text(&self) -> String {
        serde_json::json!([
            "leadfeed.consent.v1",
            self.customer,
            self.form,
            self.id,
            self.contact.email,
            self.consent
        ])
        .to_string()
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

impl LeadRecord {
    /// Whether the lead is erased, and was before `at`, so that a submission of that time is another lead.
    #[must_use]
    pub fn was_erased_before(&self, at: Timestamp) -> bool {
        let last = self.timeline.last();
        last.is_some_and(|line| line.state == LeadState::Erased && line.at < at)
    }

    /// Everything that was changed or left out, on arrival and at delivery.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        let at_delivery: &[Note] = match &self.state {
            LeadState::Delivered { notes, .. } => notes,
            _ => &[],
        };
        self.lead.notes.iter().chain(at_delivery)
    }
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

    #[test]
    fn changing_any_consent_data_shown_on_a_receipt_breaks_the_seal() {
        let keys = SigningKeys::new("root".into());
        let mut lead = record().lead;
        lead.consent.brand = Some("Engines".into());
        let lead = lead.sealed(&keys);
        let changes: [fn(&mut Lead); 6] = [
            |lead| lead.received_at += jiff::SignedDuration::from_secs(1),
            |lead| lead.consent.brand = Some("Looms".into()),
            |lead| lead.consent.brand = None,
            |lead| lead.consent.statement.push('!'),
            |lead| lead.consent.origin = Some("https://looms.example".into()),
            |lead| lead.contact.email = "eve@example.com".parse().unwrap(),
        ];

        assert!(lead.is_sealed(&keys));
        for (number, change) in changes.iter().enumerate() {
            let mut changed = lead.clone();
            change(&mut changed);
            assert!(!changed.is_sealed(&keys), "{number}");
        }
    }

    #[test]
    fn was_erased_before_is_true_only_for_times_after_the_erasure() {
        let mut record = record();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(!record.was_erased_before(at(8)));
        record.timeline = actions::erased_timeline(&record.lead, at(7));

        assert!(!record.was_erased_before(at(7)));
        assert!(record.was_erased_before(at(8)));
    }

    #[test]
    fn seal_from_before_brands_or_origins_holds_until_one_is_added() {
        let keys = SigningKeys::new("root".into());
        let first = concat!(
            r#"["leadfeed.consent.v1","engines","frm_01ARZ3NDEKTSV4RRFFQ69G5FAV","#,
            r#""lead_01ARZ3NDEKTSV4RRFFQ69G5FAV","ada@example.com","#,
            r#"{"given_at":"2026-11-23T09:30:00Z","statement":"Yes.","version":1}]"#,
        );
        let second = concat!(
            r#"["leadfeed.consent.v2","engines","frm_01ARZ3NDEKTSV4RRFFQ69G5FAV","#,
            r#""lead_01ARZ3NDEKTSV4RRFFQ69G5FAV","ada@example.com","#,
            r#"{"given_at":"2026-11-23T09:30:00Z","statement":"Yes.","version":1},"#,
            r#""2026-11-23T09:30:00Z"]"#,
        );
        let brand = Some("Engines".to_owned());
        let origin = Some("https://looms.example".to_owned());
        for (text, brand, origin) in [(first, brand, None), (second, None, origin)] {
            let mut lead = record().lead;
            lead.seal = keys.seal(text);

            assert!(lead.is_sealed(&keys), "{text}");
            lead.consent.brand = brand;
            lead.consent.origin = origin;
            assert!(!lead.is_sealed(&keys), "{text}");
        }
    }
}
