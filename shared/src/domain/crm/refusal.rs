//! The messages of a refusal, and what they blame.

use serde::Deserialize;

use crate::domain::contact::cut;
use crate::domain::email::EmailAddress;

/// The most complaints of one answer that are considered.
const MOST_COMPLAINTS: usize = 20;

/// The most characters of an answer's messages that are kept.
const MAX_MESSAGE_CHARS: usize = 500;

/// Constant Contact's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// `error_key` of the first complaint, such as `contacts.api.validation.error`.
    pub key: String,
    /// `error_message` of each. May quote what was sent: for the ledger, never for a log.
    pub messages: Vec<String>,
}

/// What is wrong with a lead, as far as an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The email address.
    Email,
    /// A list, which may be gone.
    List,
    /// A part that the lead can go without.
    Optional(OptionalField),
    /// Anything: there is no message, or none that is understood.
    Unclear,
}

impl Blame {
    /// Parts that a lead can do without. A complaint about one may also mention its address or a list.
    const OPTIONAL: [(&str, OptionalField); 5] = [
        ("phone", OptionalField::Phone),
        ("custom_field", OptionalField::CustomFields),
        ("customfield", OptionalField::CustomFields),
        ("street_address", OptionalField::StreetAddress),
        ("postal_code", OptionalField::StreetAddress),
    ];

    /// The others, in the order in which they are believed.
    const NEEDED: [(&str, Self); 3] = [
        ("list", Self::List),
        ("email", Self::Email),
        ("e_mail", Self::Email),
    ];

    /// What one complaint blames; it may quote the lead's address.
    fn of(message: &str, email: &EmailAddress) -> Vec<Self> {
        let (words, address) = (message.to_lowercase(), email.key());
        let (local, domain) = address.rsplit_once('@').unwrap_or((&address, ""));
        let quoted = [&address, local, domain].into_iter();
        let words = quoted.fold(words, |words, part| without(&words, part));
        let words = words.replace([' ', '-'], "_");
        let optional = Self::OPTIONAL
            .iter()
            .filter(|(word, _)| words.contains(word));
        let optional: Vec<_> = optional.map(|(_, field)| Self::Optional(*field)).collect();
        if !optional.is_empty() {
            return optional;
        }
        let needed = Self::NEEDED.iter().find(|(word, _)| words.contains(word));
        vec![needed.map_or(Self::Unclear, |(_, blame)| *blame)]
    }
}

impl Refusal {
    /// A refusal with one complaint.
    #[must_use]
    pub fn of(key: &str, message: &str) -> Self {
        Self {
            key: key.to_owned(),
            messages: vec![message.to_owned()],
        }
    }

    /// All messages as one text.
    #[must_use]
    pub fn message(&self) -> String {
        cut(&self.messages.join("; "), MAX_MESSAGE_CHARS).to_owned()
    }

    /// What the messages blame.
    pub(super) fn blames(&self, email: &EmailAddress) -> Vec<Blame> {
        let each = self.messages.iter();
        let mut all: Vec<_> = each.flat_map(|message| Blame::of(message, email)).collect();
        if all.is_empty() {
            all.push(Blame::Unclear);
        }
        all
    }

    pub(super) fn read(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Body {
            Many(Vec<One>),
            One(One),
        }
        #[derive(Deserialize)]
        struct One {
            #[serde(default)]
            error_key: String,
            #[serde(default, alias = "message")]
            error_message: String,
        }
        let all = match serde_json::from_slice(body) {
            Ok(Body::Many(many)) => many,
            Ok(Body::One(one)) => vec![one],
            Err(_) => vec![],
        };
        let key = all.first().map(|one| one.error_key.clone());
        let said = all.into_iter().map(|one| one.error_message);
        let said = said.filter(|message| !message.is_empty());
        Self {
            key: key.unwrap_or_default(),
            messages: said.take(MOST_COMPLAINTS).collect(),
        }
    }
}

/// A text without a part of it, wherever the part is a word of its own.
fn without(text: &str, part: &str) -> String {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut left, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(part).filter(|_| !part.is_empty()) {
        left.push_str(before);
        if left.ends_with(in_word) || after.starts_with(in_word) {
            left.push_str(part);
        }
        rest = after;
    }
    left + rest
}

/// A part of a lead that Constant Contact does not need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionalField {
    /// The phone number.
    Phone,
    /// All custom fields.
    CustomFields,
    /// The postal address.
    StreetAddress,
}

impl OptionalField {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Phone, Self::CustomFields, Self::StreetAddress];

    /// The field's name in a note.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone_number",
            Self::CustomFields => "custom_fields",
            Self::StreetAddress => "street_address",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::crm::CrmError;

    #[test]
    fn every_error_body_shape_is_parsed() {
        let read = |body: &str| Refusal::read(body.as_bytes());
        let expected = Refusal::of("k", "m");

        assert_eq!(read(r#"[{"error_key":"k","error_message":"m"}]"#), expected);
        assert_eq!(read(r#"{"error_key":"k","error_message":"m"}"#), expected);
        assert_eq!(read(r#"{"message":"Forbidden"}"#).message(), "Forbidden");
        let two =
            r#"[{"error_key":"k","error_message":"m"},{"error_key":"l","error_message":"n"}]"#;
        assert_eq!(
            (read(two).key, read(two).message()),
            ("k".into(), "m; n".into())
        );
        for unreadable in ["", "[]", "<html>", "{", "null", "[1]"] {
            assert_eq!(read(unreadable), Refusal::default(), "{unreadable}");
        }
    }

    fn blames(messages: &[&str], email: &str) -> Vec<Blame> {
        let key = String::new();
        let messages = messages
            .iter()
            .map(|message| (*message).to_owned())
            .collect();
        Refusal { key, messages }.blames(&email.parse().unwrap())
    }

    #[test]
    fn blame_is_derived_from_the_error_message() {
        for (message, expected) in [
            (
                "phone_number is invalid",
                Blame::Optional(OptionalField::Phone),
            ),
            (
                "custom_field_id does not exist",
                Blame::Optional(OptionalField::CustomFields),
            ),
            (
                "The custom field does not exist",
                Blame::Optional(OptionalField::CustomFields),
            ),
            (
                "street address: too long",
                Blame::Optional(OptionalField::StreetAddress),
            ),
            ("list_memberships: no such list", Blame::List),
            ("email_address is invalid", Blame::Email),
            ("Not an e-mail address", Blame::Email),
            ("first_name is invalid", Blame::Unclear),
            ("", Blame::Unclear),
        ] {
            assert_eq!(
                blames(&[message], "ada@example.com"),
                [expected],
                "{message}"
            );
        }
        let gone = CrmError::NotFound(Refusal::default());
        let email = "ada@example.com".parse().unwrap();
        assert_eq!(gone.blames(&email), [Blame::List]);
        assert_eq!(CrmError::Unavailable.blames(&email), []);
        assert_eq!(blames(&[], "ada@example.com"), [Blame::Unclear]);
    }

    #[test]
    fn all_messages_and_all_optional_fields_they_name_are_blamed() {
        let phone = Blame::Optional(OptionalField::Phone);
        let address = Blame::Optional(OptionalField::StreetAddress);
        for (complaints, expected) in [
            (
                &["phone_number is invalid", "email_address is invalid"][..],
                &[phone, Blame::Email][..],
            ),
            (
                &["phone_number is invalid, street_address is too long"],
                &[phone, address],
            ),
            (
                &["list_memberships: no such list", "first_name is invalid"],
                &[Blame::List, Blame::Unclear],
            ),
            (&["email_address: phone_number is invalid"], &[phone]),
        ] {
            assert_eq!(blames(complaints, "ada@example.com"), expected);
        }
    }

    #[test]
    fn quoted_address_is_not_mistaken_for_a_keyword() {
        let refusals = [
            ("{} is not a valid email address", Blame::Email),
            ("email_address: {}.", Blame::Email),
            ("A list was not found for {}", Blame::List),
            ("{}?", Blame::Unclear),
        ];
        for email in [
            "Alistair@example.com",
            "iphone.fan@example.com",
            "list-fan@phone.example",
            "a@example.com",
        ] {
            for (template, expected) in refusals {
                let message = template.replace("{}", email);
                assert_eq!(blames(&[&message], email), [expected], "{message}");
            }
            let (local, domain) = email.split_once('@').unwrap();
            for part in [local, domain] {
                let message = format!("email_address: {part} is refused");
                assert_eq!(blames(&[&message], email), [Blame::Email], "{message}");
            }
        }
    }
}
