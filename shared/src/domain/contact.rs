//! What a lead says of a person, and how much of it Constant Contact stores.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::email::EmailAddress;

/// The person as the form gave them: control characters removed, nothing cut yet. The originals stay in the
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
    /// Further values by the label of the account's custom field.
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

impl StreetAddress {
    /// Whether nothing is filled in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// Something that was changed or left out on the way to Constant Contact, for the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The field.
    pub field: String,
    /// What happened to it.
    pub what: NoteKind,
}

/// What happened to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// Cut to the length that Constant Contact stores.
    Cut,
    /// Left out, because Constant Contact would refuse it.
    Omitted,
    /// The address names a role (`info@`); Constant Contact stores it but does not mail it.
    RoleAddress,
    /// The form was open for more than a day before it was sent.
    StaleForm,
    /// No field of the form, nor mapped to one: not kept.
    Unknown,
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
    let shown = spaced.chars().filter(|c| !c.is_control() && !turns(*c));
    shown.collect::<String>().trim().to_owned()
}

/// Whether a character turns the direction of what follows, so that a text reads as another.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether nothing is seen of a character: what comes along when a text is copied from a page.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    let zero_width =
        matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    c.is_control() || c.is_whitespace() || turns(c) || zero_width
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
    use super::*;

    #[test]
    fn cutting_keeps_characters_whole() {
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

    #[test]
    fn phones_have_digits_and_marks_only() {
        assert!(is_phone("+1 (555) 0100 x7"));
        assert!(!is_phone("call me"));
        assert!(!is_phone("ask for 555"));
        assert!(!is_phone(&"1".repeat(26)));
    }
}
