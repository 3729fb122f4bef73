use jiff::Timestamp;
use serde::Serialize;

use crate::domain::consent::{Consent, ConsentError, Origin};
use crate::domain::contact::{Contact, Note, StreetAddress, clean};
use crate::domain::email::EmailError;
use crate::domain::form::Form;
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
            let field = error.field(form);
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
}
