use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::consent::{Consent, Origin};
use crate::domain::contact::{Contact, Note, NoteKind, StreetAddress, clean};
use crate::domain::email::EmailAddress;
use crate::domain::form::Form;
use crate::domain::names::{custom_label, is_contact, is_internal_field};
use crate::domain::submission::Submission;

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

/// Why a submission is not a lead: every field at fault, so that a person can correct them all at once.
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

impl FieldError {
    fn new(field: impl Into<String>, code: &'static str, message: impl ToString) -> Self {
        Self {
            field: field.into(),
            code,
            message: message.to_string(),
        }
    }
}

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
        // Before names are mapped, so that no mapping hides what the submission says about the consent.
        let consent = Consent::parse(form, &fields, origin, now);
        let fields = fields.renamed(|name| form.mapped.get(name).cloned());
        let email = raw(form, &fields, "email").parse::<EmailAddress>();
        let mut errors = Vec::new();
        if let Err(error) = &email {
            let field = form.name_of("email");
            errors.push(FieldError::new(field, error.code(), error));
        }
        if let Err(error) = &consent {
            errors.push(FieldError::new(error.field(form), error.code(), error));
        }
        let is_missing = |name: &&String| clean(raw(form, &fields, name)).is_empty();
        for name in form.required.iter().filter(is_missing) {
            let (field, message) = (form.name_of(name), "this field is required");
            errors.push(FieldError::new(field, "required", message));
        }
        let (Ok(email), Ok(consent), true) = (email, consent, errors.is_empty()) else {
            return Err(Rejection { errors });
        };
        let contact = contact(form, &fields, email);
        let mut notes = contact.for_remote().1;
        notes.extend(unknown(form, &fields));
        if consent.is_from_other_site() {
            notes.push(Note::new("consent_page_url", NoteKind::OtherSite));
        }
        Ok(Self {
            contact,
            consent,
            notes,
        })
    }
}

/// The value of a field: the form's constant, or else what was submitted.
fn raw<'v>(form: &'v Form, fields: &'v Submission, name: &str) -> &'v str {
    let constant = form.constants.get(name).map(String::as_str);
    constant.or(fields.get(name)).unwrap_or_default()
}

fn contact(form: &Form, fields: &Submission, email: EmailAddress) -> Contact {
    let value = |name: &str| clean(raw(form, fields, name));
    let mut custom_fields = fields.custom_fields();
    let constants = form.constants.iter();
    custom_fields.extend(
        constants.filter_map(|(name, value)| Some((custom_label(name)?.to_owned(), value.clone()))),
    );
    Contact {
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
    }
}

/// A note for each filled-in field that no rule of the form mentions.
fn unknown(form: &Form, fields: &Submission) -> Vec<Note> {
    let is_unknown = |name: &str| {
        !(is_contact(name)
            || is_internal_field(name)
            || name == form.consent_field
            || form.screening.is_ours(name))
    };
    let filled = fields.iter().filter(|(_, value)| !value.trim().is_empty());
    let names: BTreeSet<&str> = filled.map(|(name, _)| name).collect();
    let notes = names.into_iter().filter(|name| is_unknown(name));
    notes
        .map(|name| Note {
            field: clean(name),
            what: NoteKind::Unknown,
        })
        .collect()
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
    fn all_invalid_fields_are_reported_at_once() {
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
    fn original_values_are_kept_and_only_the_remote_copy_is_truncated() {
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
    fn invalid_phone_is_kept_on_the_lead_and_omitted_remotely_with_a_note() {
        let digits = "1".repeat(40);
        for phone in ["call me at noon", digits.as_str()] {
            let fields = [("email", "ada@example.com"), ("phone_number", phone)];
            let consent = [("consent", "on")];
            let lead = parse(&[&fields[..], &consent].concat()).unwrap();

            assert_eq!(lead.contact.phone_number, phone);
            let (remote, notes) = lead.contact.for_remote();
            assert_eq!(remote.phone_number, "");
            let omitted = Note {
                field: "phone_number".into(),
                what: NoteKind::Omitted,
            };
            assert_eq!(notes, [omitted]);
            assert_eq!(lead.notes, notes);
        }
    }

    #[test]
    fn field_mapping_and_constants_of_the_form_are_applied() {
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
    fn invalid_fields_are_reported_by_the_forms_own_names() {
        let mut form = form();
        form.required = vec!["city".into(), "last_name".into()];
        form.mapped.insert("mail".into(), "email".into());
        form.mapped.insert("town".into(), "city".into());

        let fields = Submission::from_pairs([("mail", "ada@"), ("consent", "on")]).unwrap();
        let refused = ParsedLead::parse(&form, fields, &Origin::default(), Timestamp::UNIX_EPOCH);

        let errors = refused.unwrap_err().errors;
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["mail", "town", "last_name"]);
    }

    #[test]
    fn mapping_lead_source_does_not_bypass_the_source_check() {
        let mut form = form();
        let label = "custom_fields[Lead source]";
        form.mapped.insert("lead_source".into(), label.into());
        let parse = |source| {
            let fields = [
                ("email", "ada@example.com"),
                ("consent", "on"),
                ("lead_source", source),
            ];
            let fields = Submission::from_pairs(fields).unwrap();
            ParsedLead::parse(&form, fields, &Origin::default(), Timestamp::UNIX_EPOCH)
        };

        assert_eq!(
            parse("Web").unwrap().contact.custom_fields["Lead source"],
            "Web"
        );
        let refused = parse("Purchased List").unwrap_err();
        assert_eq!(refused.errors[0].code, "source_not_permitted");
    }

    #[test]
    fn unknown_fields_are_left_out_with_a_note() {
        let lead = parse(&[
            ("email", "ada@example.com"),
            ("consent", "on"),
            ("oid", "frm_1"),
            ("contact_website", ""),
            ("utm_source", "fair"),
            ("fax", " "),
        ])
        .unwrap();

        let unknown = Note {
            field: "utm_source".into(),
            what: NoteKind::Unknown,
        };
        assert_eq!(lead.notes, [unknown]);
    }

    #[test]
    fn address_with_a_control_character_is_rejected_and_not_cleaned() {
        let lead = parse(&[("email", "ada@exam\u{0}ple.com"), ("consent", "on")]);

        assert_eq!(lead.unwrap_err().errors[0].code, "email_malformed");
    }
}
