//! What a lead says about a person, and how much of it Constant Contact stores.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::email::EmailAddress;

/// The person as the form described them: control characters removed, nothing cut yet. The originals stay in the
/// ledger; the limits of the remote API are applied on the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The address that opted in.
    pub email: EmailAddress,
    /// Given name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub first_name: String,
    /// Family name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_name: String,
    /// Job title.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub job_title: String,
    /// Company.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub company_name: String,
    /// One phone number, as written.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub phone_number: String,
    /// One postal address.
    #[serde(default, skip_serializing_if = "StreetAddress::is_empty")]
    pub street_address: StreetAddress,
    /// Other values, by the label of the account's custom field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_fields: BTreeMap<String, String>,
}

/// A postal address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreetAddress {
    /// Street and number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub street: String,
    /// City.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub city: String,
    /// State or province.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// Postal code.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub postal_code: String,
    /// Country.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
}

impl Contact {
    /// A person of whom only the address is known.
    #[must_use]
    pub fn of(email: EmailAddress) -> Self {
        Self {
            email,
            first_name: String::new(),
            last_name: String::new(),
            job_title: String::new(),
            company_name: String::new(),
            phone_number: String::new(),
            street_address: StreetAddress::default(),
            custom_fields: BTreeMap::new(),
        }
    }

    /// What a person says who said `older` before: this, plus what only the older one says. A postal address is taken
    /// as a whole: half of the new one and half of the old would make a third.
    #[must_use]
    pub fn merged_over(self, older: Self) -> Self {
        let newer = |new: String, old: String| if new.is_empty() { old } else { new };
        let mut said = self.custom_fields;
        said.retain(|_, value| !value.is_empty());
        let is_said = |label: &str| said.keys().any(|own| own.eq_ignore_ascii_case(label));
        let mut custom_fields = older.custom_fields;
        custom_fields.retain(|label, _| !is_said(label));
        custom_fields.extend(said);
        Self {
            email: self.email,
            first_name: newer(self.first_name, older.first_name),
            last_name: newer(self.last_name, older.last_name),
            job_title: newer(self.job_title, older.job_title),
            company_name: newer(self.company_name, older.company_name),
            phone_number: newer(self.phone_number, older.phone_number),
            street_address: if self.street_address.is_empty() {
                older.street_address
            } else {
                self.street_address
            },
            custom_fields,
        }
    }
}

impl StreetAddress {
    /// Whether nothing is filled in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// Something that was changed or left out on the way to Constant Contact, for the timeline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// The field.
    pub field: String,
    /// What happened to it.
    pub what: NoteKind,
}

impl Note {
    /// What happened to a field.
    #[must_use]
    pub fn new(field: &str, what: NoteKind) -> Self {
        let field = field.to_owned();
        Self { field, what }
    }
}

/// What happened to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// Cut to the length that Constant Contact stores.
    Cut,
    /// Left out, because Constant Contact would refuse it.
    Omitted,
    /// Constant Contact stores the address but does not mail it: it is of a role (`admin@`), of a group, or at certain
    /// sites.
    RoleAddress,
    /// The form was open for more than a day before it was sent.
    StaleForm,
    /// It was sent by another site than the one whose page it names.
    OtherSite,
    /// Neither a field of the form nor mapped to one: not kept.
    Unknown,
    /// The account has no custom field of this label, or only one for choices: left out.
    NoSuchField,
}

/// `text` cut to `limit` characters on a character boundary.
#[must_use]
pub fn cut(text: &str, limit: usize) -> &str {
    text.char_indices()
        .nth(limit)
        .map_or(text, |(end, _)| &text[..end])
}

/// `text` trimmed and without control characters; a line break or tab becomes a space.
#[must_use]
pub fn clean(text: &str) -> String {
    let spaced = text.replace(['\n', '\r', '\t', '\u{2028}', '\u{2029}'], " ");
    let shown = spaced
        .chars()
        .filter(|c| !c.is_control() && !reverses_direction(*c));
    shown.collect::<String>().trim().to_owned()
}

/// Whether a character reverses the direction of what follows, so that a text reads as another.
fn reverses_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character is invisible, as some are that get copied along from a page.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    let zero_width =
        matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    c.is_control() || c.is_whitespace() || reverses_direction(c) || zero_width
}

/// Whether `text` can be a phone number at Constant Contact: digits and the usual marks, 25 characters at most.
#[must_use]
pub fn is_phone(text: &str) -> bool {
    text.chars().count() <= 25
        && text.chars().any(|c| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || " +-().,/x#*".contains(c))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn cut_never_splits_a_character() {
        assert_eq!(cut("äöü", 2), "äö");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("", 3), "");
    }

    #[test]
    fn cleaning_removes_control_characters_and_keeps_the_rest() {
        assert_eq!(clean("  Ada\u{0} \r\nLovelace\u{7f} "), "Ada   Lovelace");
        assert_eq!(clean("<script>{{7*7}}"), "<script>{{7*7}}");
        assert_eq!(clean("a\u{202e}b\u{2028}c"), "ab c");
    }

    fn contact(fields: Value) -> Contact {
        let mut contact = json!({"email": "ada@example.com"});
        let fields = fields.as_object().unwrap().clone();
        contact.as_object_mut().unwrap().extend(fields);
        serde_json::from_value(contact).unwrap()
    }

    #[test]
    fn newer_contact_overrides_older_values_but_keeps_those_it_lacks() {
        let old = contact(json!({
            "first_name": "Augusta", "phone_number": "555 0100",
            "custom_fields": {"Engine": "steam", "Note": "n"},
        }));
        let new = contact(json!({
            "first_name": "Ada", "custom_fields": {"engine": "difference", "Note": ""},
        }));

        let both = contact(json!({
            "first_name": "Ada", "phone_number": "555 0100",
            "custom_fields": {"engine": "difference", "Note": "n"},
        }));
        assert_eq!(new.merged_over(old), both);
    }

    #[test]
    fn postal_addresses_are_replaced_as_a_whole_and_never_mixed() {
        let london = contact(json!({"street_address": {"city": "London"}}));
        let street = contact(json!({"street_address": {"street": "1 Main St"}}));

        assert_eq!(street.clone().merged_over(london.clone()), street);
        assert_eq!(contact(json!({})).merged_over(london.clone()), london);
    }

    #[test]
    fn phone_numbers_allow_only_digits_and_punctuation_up_to_25_characters() {
        assert!(is_phone("+1 (555) 0100 x7"));
        assert!(!is_phone("call me"));
        assert!(!is_phone("ask for 555"));
        assert!(!is_phone(&"1".repeat(26)));
    }
}
