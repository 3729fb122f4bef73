//! A lead and its life: the state machine of the ledger.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::consent::{Consent, ConsentError, Origin};
use super::contact::{Contact, Note, NoteKind, StreetAddress, clean, cut, is_phone};
use super::email::EmailError;
use super::form::Form;
use super::ids::{CustomerId, FormId, LeadId, RemoteId};
use super::keys::Seal;
use super::submission::Submission;

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

/// A lead before it has its id and seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedLead {
    /// The person.
    pub contact: Contact,
    /// The opt-in.
    pub consent: Consent,
    /// What will be cut or left out.
    pub notes: Vec<Note>,
}

/// Why a submission is no lead: every field at fault, so that a person can correct them all at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the submission cannot be taken as a lead")]
pub struct Rejection {
    /// At least one.
    pub errors: Vec<FieldError>,
}

/// One field at fault. Never carries its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's name as the form knows it.
    pub field: String,
    /// A stable word.
    pub code: &'static str,
    /// A sentence for a person.
    pub message: String,
}

/// Characters of a name, title or company (`sign_up_form`).
const NAME: usize = 50;
/// Characters of a street (`sign_up_form`).
const STREET: usize = 255;
/// Characters of a custom field's value (`sign_up_form`).
const CUSTOM: usize = 255;
/// Custom fields of one contact: the stricter of the two published limits.
pub const MAX_CUSTOM_FIELDS: usize = 25;

impl ParsedLead {
    /// Reads a submission by the rules of its form.
    ///
    /// # Errors
    /// [`Rejection`] with every field at fault.
    pub fn parse(
        form: &Form,
        fields: Submission,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let fields = fields.renamed(|name| form.mapped.get(name).cloned());
        let value = |name: &str| {
            clean(
                form.constants
                    .get(name)
                    .map(String::as_str)
                    .or(fields.get(name))
                    .unwrap_or_default(),
            )
        };
        let mut errors = Vec::new();

        let email = value("email").parse();
        if let Err(error) = &email {
            let error: &EmailError = error;
            errors.push(FieldError {
                field: "email".into(),
                code: error.code(),
                message: error.to_string(),
            });
        }
        let consent = Consent::parse(form, &fields, origin, now);
        if let Err(error) = &consent {
            let error: &ConsentError = error;
            let field = form.consent_field.clone();
            errors.push(FieldError {
                field,
                code: error.code(),
                message: error.to_string(),
            });
        }
        for name in form.required.iter().filter(|name| value(name).is_empty()) {
            errors.push(FieldError {
                field: name.clone(),
                code: "required",
                message: "this field is needed".into(),
            });
        }

        let (Ok(email), Ok(consent), true) = (email, consent, errors.is_empty()) else {
            return Err(Rejection { errors });
        };
        let mut custom_fields = fields.custom_fields();
        custom_fields.extend(form.constants.iter().filter_map(|(name, value)| {
            Some((
                name.strip_prefix("custom_fields[")?
                    .strip_suffix(']')?
                    .to_owned(),
                value.clone(),
            ))
        }));
        let contact = Contact {
            email,
            first_name: value("first_name"),
            last_name: value("last_name"),
            job_title: value("job_title"),
            company_name: value("company_name"),
            phone_number: value("phone_number"),
            street_address: StreetAddress {
                street: value("street"),
                city: value("city"),
                state: value("state"),
                postal_code: value("postal_code"),
                country: value("country"),
            },
            custom_fields: custom_fields
                .into_iter()
                .map(|(label, value)| (clean(&label), clean(&value)))
                .collect(),
        };
        let notes = contact.for_remote().1;
        Ok(Self {
            contact,
            consent,
            notes,
        })
    }
}

impl Contact {
    /// The contact as Constant Contact can store it, and what that cost.
    #[must_use]
    pub fn for_remote(&self) -> (Contact, Vec<Note>) {
        let mut notes = Vec::new();
        let mut note = |field: &str, what| {
            notes.push(Note {
                field: field.to_owned(),
                what,
            })
        };
        if self.email.is_role() {
            note("email", NoteKind::RoleAddress);
        }
        let mut remote = self.clone();
        let address = &mut remote.street_address;
        for (field, value, limit) in [
            ("first_name", &mut remote.first_name, NAME),
            ("last_name", &mut remote.last_name, NAME),
            ("job_title", &mut remote.job_title, NAME),
            ("company_name", &mut remote.company_name, NAME),
            ("street", &mut address.street, STREET),
            ("city", &mut address.city, NAME),
            ("state", &mut address.state, NAME),
            ("postal_code", &mut address.postal_code, NAME),
            ("country", &mut address.country, NAME),
        ] {
            if value.chars().count() > limit {
                *value = cut(value, limit).to_owned();
                note(field, NoteKind::Cut);
            }
        }
        if !remote.phone_number.is_empty() && !is_phone(&remote.phone_number) {
            remote.phone_number.clear();
            note("phone_number", NoteKind::Omitted);
        }
        for (label, value) in &mut remote.custom_fields {
            if value.chars().count() > CUSTOM {
                *value = cut(value, CUSTOM).to_owned();
                note(label, NoteKind::Cut);
            }
        }
        while remote.custom_fields.len() > MAX_CUSTOM_FIELDS {
            if let Some((label, _)) = remote.custom_fields.pop_last() {
                note(&label, NoteKind::Omitted);
            }
        }
        (remote, notes)
    }
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
}

/// What became of a lead. Each variant carries only what that state has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum LeadState {
    /// Recorded; the queue did not take it yet.
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
        /// The contact's id there; `None` where the answer lacked it.
        contact: Option<RemoteId>,
        /// Whether the contact was new.
        action: DeliveryAction,
        /// The permission it was recorded with.
        permission: Permission,
        /// What Constant Contact would not take and the lead went without.
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
        /// Constant Contact's own words, where they are the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// It looked like a robot's; a person decides.
    Quarantined {
        /// The reason.
        why: QuarantineReason,
    },
    /// Its data was erased on request.
    Erased,
}

/// Whether a delivery made a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryAction {
    /// The contact is new.
    Created,
    /// The contact was there and now has the lead's data.
    Updated,
    /// By bulk import, which does not say.
    Imported,
}

/// The permission a contact has at Constant Contact after a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Asked and agreed.
    Explicit,
    /// Inferred: all that a bulk import can record.
    Implicit,
    /// The account asks every new contact to confirm by mail first.
    PendingConfirmation,
}

/// What a lead waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// The customer has not connected an account.
    NotConnected,
    /// The connection died; the customer has to connect again.
    Reconnect,
    /// The connected user or application lacks a right.
    Rights,
    /// No list is chosen, or the chosen one is gone.
    NoList,
    /// The budget for calls is spent.
    Quota,
    /// Constant Contact, or something on the way to it, is out of order.
    Upstream,
    /// The call's answer was lost; the lead goes out again when nobody can have left since.
    AnswerLost,
    /// A bulk import has taken it.
    Import,
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
}

/// Why a lead will not go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// The person opted out after this consent was given.
    OptedOutAfterConsent,
    /// Constant Contact does not take the address.
    InvalidAddress,
    /// Constant Contact refuses the lead for good.
    CcRefused,
    /// The address is on the customer's suppression list.
    Suppressed,
    /// The customer was deleted.
    CustomerDeleted,
    /// The consent record was changed after it was sealed.
    SealBroken,
}

/// Why a lead was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineReason {
    /// The field that people do not see was filled in.
    Honeypot,
    /// Filled in faster than people type.
    TooFast,
    /// The captcha failed or could not be checked.
    Captcha,
}

impl LeadState {
    /// The words of all states.
    pub const WORDS: [&str; 8] = [
        "received",
        "queued",
        "sending",
        "delivered",
        "waiting",
        "refused",
        "quarantined",
        "erased",
    ];

    /// The stable word of this state.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Queued => "queued",
            Self::Sending { .. } => "sending",
            Self::Delivered { .. } => "delivered",
            Self::Waiting { .. } => "waiting",
            Self::Refused { .. } => "refused",
            Self::Quarantined { .. } => "quarantined",
            Self::Erased => "erased",
        }
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
}

/// One line of a lead's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// The state entered.
    #[serde(flatten)]
    pub state: LeadState,
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::form::tests::form;

    fn parse(fields: &[(&str, &str)]) -> Result<ParsedLead, Rejection> {
        let fields = Submission::from_pairs(fields.iter().copied()).unwrap();
        ParsedLead::parse(&form(), fields, &Origin::default(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn every_field_at_fault_is_named_at_once() {
        let codes: Vec<_> = parse(&[("email", "a@@b"), ("consent", "off")])
            .unwrap_err()
            .errors;

        assert_eq!(
            codes
                .iter()
                .map(|e| (e.field.as_str(), e.code))
                .collect::<Vec<_>>(),
            [
                ("email", "email_malformed"),
                ("consent", "consent_required")
            ]
        );
    }

    #[test]
    fn the_original_is_kept_and_only_the_remote_copy_is_cut() {
        let long = "ä".repeat(60);
        let lead = parse(&[
            ("email", "ada@example.com"),
            ("consent", "on"),
            ("first_name", &long),
            ("phone_number", "call me"),
        ])
        .unwrap();

        let (remote, notes) = lead.contact.for_remote();

        assert_eq!(lead.contact.first_name, long);
        assert_eq!(remote.first_name, "ä".repeat(50));
        assert_eq!(remote.phone_number, "");
        assert_eq!(notes, lead.notes);
        assert_eq!(notes.len(), 2);
    }

    #[test]
    fn a_forms_names_and_constants_apply() {
        let mut form = form();
        form.mapped.insert("mail".into(), "email".into());
        form.constants
            .insert("company_name".into(), "Campaign 7".into());
        let fields = [
            ("mail", "ada@example.com"),
            ("consent", "on"),
            ("company_name", "mine"),
        ];

        let fields = Submission::from_pairs(fields).unwrap();
        let lead =
            ParsedLead::parse(&form, fields, &Origin::default(), Timestamp::UNIX_EPOCH).unwrap();

        assert_eq!(lead.contact.email.as_str(), "ada@example.com");
        assert_eq!(lead.contact.company_name, "Campaign 7");
    }

    #[test]
    fn a_settled_lead_is_never_claimed_again() {
        let delivered = LeadState::Delivered {
            contact: None,
            action: DeliveryAction::Created,
            permission: Permission::Explicit,
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
}
