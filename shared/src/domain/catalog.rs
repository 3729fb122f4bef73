//! Lists and custom fields of an account, as of the last time we asked.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::contact::{Contact, Note, NoteKind};
use super::ids::RemoteId;

/// Lists and custom fields of the account, remembered so that showing a page costs no call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Every list.
    pub lists: Vec<ContactList>,
    /// Every custom field that a sign-up can fill.
    pub custom_fields: Vec<CustomField>,
}

/// A contact list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactList {
    /// Its id.
    pub id: RemoteId,
    /// Its name.
    pub name: String,
}

/// A custom field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomField {
    /// Its id, by which `sign_up_form` knows it.
    pub id: RemoteId,
    /// Its label, by which people know it.
    pub label: String,
    /// Its name, by which imports know it.
    pub name: String,
    /// What it holds. `None` for a field that an earlier version stored, until somebody asks.
    #[serde(default)]
    pub kind: Option<FieldKind>,
}

/// What a custom field holds, as far as values are checked against it before they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Text, or anything that only Constant Contact can check.
    Text,
    /// A date.
    Date,
    /// A moment: a date with a time and its offset.
    Datetime,
    /// A number or an amount.
    Number,
    /// Yes or no.
    Boolean,
}

impl CustomField {
    /// The field with a label, in whatever case a form writes it.
    #[must_use]
    pub fn of_label<'a>(fields: &'a [Self], label: &str) -> Option<&'a Self> {
        fields
            .iter()
            .find(|field| field.label.eq_ignore_ascii_case(label))
    }

    /// Whether the field can hold a value, as far as is known before it is sent.
    #[must_use]
    pub fn takes(&self, value: &str) -> bool {
        match self.kind {
            Some(FieldKind::Date) => is_date(value),
            Some(FieldKind::Datetime) => value.parse::<Timestamp>().is_ok(),
            Some(FieldKind::Number) => is_number(value),
            Some(FieldKind::Boolean) => matches!(value, "true" | "false"),
            Some(FieldKind::Text) | None => true,
        }
    }
}

/// What a contact says through custom fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomFieldValues<'a> {
    /// Fields with the labels and values that fill them.
    pub fields: Vec<(&'a CustomField, &'a str, &'a str)>,
    /// What is left out, because there is no field for it or the field cannot hold it.
    pub notes: Vec<Note>,
}

impl<'a> CustomFieldValues<'a> {
    /// From a contact that is within the limits of the API, and the fields of its account.
    #[must_use]
    pub fn of(contact: &'a Contact, fields: &'a [CustomField]) -> Self {
        let mut said = Self::default();
        for (label, value) in &contact.custom_fields {
            let what = match CustomField::of_label(fields, label) {
                _ if value.is_empty() => continue,
                Some(field) if field.takes(value) => {
                    said.fields.push((field, label, value));
                    continue;
                }
                Some(_) => NoteKind::Omitted,
                None => NoteKind::NoSuchField,
            };
            said.notes.push(Note::new(label, what));
        }
        said
    }

    /// Whether a value has no field, or one of unknown kind.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        let none = |note: &Note| note.what == NoteKind::NoSuchField;
        let fields = &mut self.fields.iter();
        self.notes.iter().any(none) || fields.any(|(field, ..)| field.kind.is_none())
    }
}

/// Whether a text is a date in one of the forms that the API describes: year, month and day, or month, day and year,
/// separated by slashes or hyphens.
fn is_date(text: &str) -> bool {
    let by = if text.contains('/') { '/' } else { '-' };
    let parts: Vec<_> = text.split(by).collect();
    let (year, month, day) = match parts[..] {
        [year, month, day] if year.len() == 4 => (year, month, day),
        [month, day, year] if year.len() == 4 => (year, month, day),
        _ => return false,
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let day_of = || Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok();
    digits(year)
        && [month, day]
            .iter()
            .all(|part| part.len() <= 2 && digits(part))
        && day_of().is_some()
}

/// Whether a text is a decimal number, as programs write it.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.strip_prefix('-').unwrap_or(text);
    match number.split_once('.') {
        Some((whole, decimals)) => digits(whole) && digits(decimals),
        None => digits(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: FieldKind) -> CustomField {
        CustomField {
            id: "5e7b1a1c-0000-11ee-8c99-0242ac120002".parse().unwrap(),
            label: "First visit".into(),
            name: "First_visit".into(),
            kind: Some(kind),
        }
    }

    #[test]
    fn date_field_accepts_only_documented_date_formats() {
        let date = field(FieldKind::Date);
        for good in [
            "11/28/2026",
            "1/2/2026",
            "2026/11/28",
            "2026/1/2",
            "2026-11-28",
            "2026-1-2",
            "11-28-2026",
            "1-2-2026",
            "2024-02-29",
        ] {
            assert!(date.takes(good), "{good}");
        }
        for bad in [
            "",
            "soon",
            "28.11.2026",
            "28/11/2026",
            "2026-02-29",
            "2026-11-28T12:00",
            "2026-11",
            "11/28/26",
            "+1/2/2026",
            "2026--28",
            "1/2/2026/3",
            "2026/11-28",
        ] {
            assert!(!date.takes(bad), "{bad}");
        }
        assert!(field(FieldKind::Text).takes("soon"));
    }

    #[test]
    fn number_boolean_and_datetime_fields_accept_only_values_of_their_kind() {
        for (kind, good, bad) in [
            (
                FieldKind::Number,
                &["34", "-3", "0.50", "1234567890"][..],
                &["34 years", "1,000", "$12", ".5", "5.", "--1", "1e3", ""][..],
            ),
            (
                FieldKind::Boolean,
                &["true", "false"],
                &["yes", "True", "1"],
            ),
            (
                FieldKind::Datetime,
                &["2026-11-28T12:00:00Z", "2026-11-28T12:00:00.5+01:00"],
                &["2026-11-28", "2026-11-28T12:00", "noon"],
            ),
        ] {
            let field = field(kind);
            for value in good {
                assert!(field.takes(value), "{kind:?}: {value}");
            }
            for value in bad {
                assert!(!field.takes(value), "{kind:?}: {value}");
            }
        }
    }

    #[test]
    fn custom_field_is_found_by_its_label_ignoring_case() {
        let fields = [field(FieldKind::Text)];

        assert!(CustomField::of_label(&fields, "FIRST visit").is_some());
        assert!(CustomField::of_label(&fields, "First_visit").is_none());
    }
}
