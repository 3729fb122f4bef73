//! Identifiers. Each is a type of its own that only [`FromStr`] makes from text, so that every id that exists is well
//! formed.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::day::utc_day;
use super::email::EmailAddress;
use super::keys::{Purpose, SigningKeys};

/// How long the key of a submission is remembered.
pub const KEY_LIVES: SignedDuration = SignedDuration::from_hours(24);

/// The slot of time whose start determines the id of a lead with a key, if the table of keys is out of reach.
pub const KEY_SLOT: SignedDuration = SignedDuration::from_hours(1);

/// Why a text is not an identifier. Never carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed {kind}")]
pub struct MalformedId {
    kind: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                let accepts: fn(&str) -> bool = $accepts;
                accepts(text).then(|| Self(text.to_owned())).ok_or(MalformedId { kind: $kind })
            }
        }

        impl TryFrom<String> for $name {
            type Error = MalformedId;

            fn try_from(text: String) -> Result<Self, MalformedId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        text_id!($(#[$doc])* $name, $kind, |text| is_prefixed_ulid($prefix, text));

        impl $name {
            /// The id with these ULID bits.
            #[must_use]
            pub fn new(bits: u128) -> Self {
                Self(format!(concat!($prefix, "{}"), Ulid::from(bits)))
            }

            /// The id with a moment's millisecond and the lower 80 bits of a number.
            #[must_use]
            pub fn at(moment: Timestamp, number: u128) -> Self {
                let millis = u64::try_from(moment.as_millisecond()).unwrap_or_default();
                Self::new(Ulid::from_parts(millis, number).into())
            }

            /// The moment in the id.
            #[must_use]
            pub fn made_at(&self) -> Timestamp {
                moment_of(&self.0[$prefix.len()..])
            }
        }
    };
}

text_id!(
    /// The operator's own name for a customer: `[a-z0-9][a-z0-9_-]{0,62}`.
    CustomerId, "customer id", is_slug
);
text_id!(
    /// The name of a Constant Contact application; the one every customer uses by default is `default`.
    AppId, "app id", is_slug
);
ulid_id!(
    /// A lead form: `frm_` and a ULID. Public: it stands in the page's HTML.
    FormId, "form id", "frm_"
);
ulid_id!(
    /// A lead: `lead_` and a ULID, so that ids sort by the time of the submission. Its moment is that time rounded down
    /// to the minute, or to the hour if the submission had a key.
    LeadId, "lead id", "lead_"
);
ulid_id!(
    /// A single-use link: `lnk_` and a ULID.
    LinkId, "link id", "lnk_"
);
ulid_id!(
    /// A bulk import of ours: `imp_` and a ULID.
    ImportId, "import id", "imp_"
);
text_id!(
    /// A resource of the remote account (list, contact, custom field, activity): a UUID by its own rule.
    RemoteId, "remote id", is_uuid
);
text_id!(
    /// A person of a customer: a digest of their address, from which it cannot be read. A list of people who do not want
    /// mail must not be worth stealing.
    PersonId, "person id", is_digest
);

impl AppId {
    /// The application of every customer that has none of its own.
    #[must_use]
    pub fn default_app() -> Self {
        Self("default".to_owned())
    }
}

impl LeadId {
    /// The lowest and the highest id of a UTC day.
    #[must_use]
    pub fn of_day(day: Date) -> (Self, Self) {
        let midnight = |day: Date| {
            let zoned = day.to_zoned(TimeZone::UTC).unwrap_or_default();
            zoned.timestamp()
        };
        let next = midnight(day.tomorrow().unwrap_or(Date::MAX));
        let last = next - SignedDuration::from_millis(1);
        (Self::at(midnight(day), 0), Self::at(last, u128::MAX))
    }

    /// The UTC day the id was made on, which is the day its lead came in.
    #[must_use]
    pub fn day(&self) -> Date {
        utc_day(self.made_at())
    }

    /// The most by which the time in an id may precede its lead: a slot, to whose start it is rounded down, and the
    /// time a key is remembered. A request that resumes a key with no lead yet keeps the first try's id.
    pub const OLDER_AT_MOST: SignedDuration =
        SignedDuration::from_secs(KEY_LIVES.as_secs() + KEY_SLOT.as_secs());
}

impl PersonId {
    /// The person with this address; case does not matter.
    #[must_use]
    pub fn of(keys: &SigningKeys, customer: &CustomerId, email: &EmailAddress) -> Self {
        let text = format!("{customer} {}", email.key());
        Self(hex::encode(keys.sign(Purpose::Person, text.as_bytes())))
    }
}

/// The moment in a ULID.
fn moment_of(ulid: &str) -> Timestamp {
    let ulid = Ulid::from_string(ulid).unwrap_or_default();
    let millis = i64::try_from(ulid.timestamp_ms()).unwrap_or_default();
    Timestamp::from_millisecond(millis).unwrap_or_default()
}

fn is_slug(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 63
        && text.bytes().next().is_some_and(alphanumeric)
        && text
            .bytes()
            .all(|b| alphanumeric(b) || b == b'_' || b == b'-')
}

fn is_prefixed_ulid(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| Ulid::from_string(rest).is_ok_and(|ulid| ulid.to_string() == rest))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_id_is_a_short_lowercase_slug() {
        for good in ["a", "acme", "acme-2", "0_x", &"a".repeat(63)] {
            assert!(good.parse::<CustomerId>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "_a", "Acme", "a b", "a/b", "ä", &"a".repeat(64)] {
            assert!(bad.parse::<CustomerId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn prefixed_id_round_trips_and_malformed_ids_are_rejected() {
        let moment = Timestamp::from_second(1_700_000_000).unwrap();
        let id = LeadId::at(moment, 7);

        assert_eq!(id.as_str().parse::<LeadId>(), Ok(id.clone()));
        assert!(id.as_str().to_lowercase().parse::<LeadId>().is_err());
        assert!(
            id.as_str()
                .replace("lead_", "frm_")
                .parse::<LeadId>()
                .is_err()
        );
        assert!("lead_".parse::<LeadId>().is_err());
    }

    #[test]
    fn a_remote_id_is_a_uuid() {
        assert!(
            "5e7b1a1c-0000-11ee-8c99-0242ac120002"
                .parse::<RemoteId>()
                .is_ok()
        );
        assert!(
            "5e7b1a1c000011ee8c990242ac120002"
                .parse::<RemoteId>()
                .is_err()
        );
        assert!(
            "../contacts/../../x-0000-0000-000000"
                .parse::<RemoteId>()
                .is_err()
        );
    }

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
        let malformed = "ada@example.com".parse::<PersonId>().unwrap_err();
        assert_eq!(malformed.to_string(), "malformed person id");
    }
}
