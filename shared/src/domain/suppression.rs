//! People whom a customer never wants mailed.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::email::EmailAddress;
use super::ids::CustomerId;
use super::keys::{Purpose, SigningKeys};

/// Identifies a person of a customer by a digest of their address, from which it cannot be read: a list of people who
/// do not want mail must not be worth stealing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonId(String);

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// Who.
    pub person: PersonId,
    /// Since when.
    pub since: Timestamp,
}

/// Why a text is not a person id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed person id")]
pub struct MalformedPerson;

impl PersonId {
    /// The person with this address; case does not matter.
    #[must_use]
    pub fn of(keys: &SigningKeys, customer: &CustomerId, email: &EmailAddress) -> Self {
        let text = format!("{customer} {}", email.key());
        Self(hex::encode(keys.sign(Purpose::Person, text.as_bytes())))
    }
}

impl FromStr for PersonId {
    type Err = MalformedPerson;

    fn from_str(text: &str) -> Result<Self, MalformedPerson> {
        let good = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| Self(text.to_owned())).ok_or(MalformedPerson)
    }
}

impl TryFrom<String> for PersonId {
    type Error = MalformedPerson;

    fn try_from(text: String) -> Result<Self, MalformedPerson> {
        text.parse()
    }
}

impl From<PersonId> for String {
    fn from(person: PersonId) -> String {
        person.0
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn person_id_ignores_address_case_and_differs_between_customers() {
        let keys = SigningKeys::new("root".into());
        let of = |customer: &str, email: &str| {
            PersonId::of(&keys, &customer.parse().unwrap(), &email.parse().unwrap())
        };

        assert_eq!(of("a", "Ada@Example.com"), of("a", "ada@example.com"));
        assert_ne!(of("a", "ada@example.com"), of("b", "ada@example.com"));
        assert_ne!(of("a", "ada@example.com"), of("a", "eve@example.com"));
        let text = of("a", "ada@example.com").to_string();
        assert_eq!(text.parse(), Ok(of("a", "ada@example.com")));
        assert!("ada@example.com".parse::<PersonId>().is_err());
    }
}
