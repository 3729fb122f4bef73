//! The error taxonomy of the Constant Contact API: what each answer means for the lead and for whom to blame.

use jiff::SignedDuration;
use serde::Deserialize;

use super::budget::Pause;
use super::email::EmailAddress;

/// The longest rest that is believed: whoever asks for more is asked again after it.
const LONGEST_REST: SignedDuration = SignedDuration::from_hours(1);

/// An answer of the API that is not success, sorted by what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrmError {
    /// 400: this lead will not be taken as it is.
    #[error("refused")]
    Invalid(Refusal),
    /// 401: the token.
    #[error("unauthorized")]
    Unauthorized,
    /// 403: a scope, the user's privilege or the application; the status does not tell which.
    #[error("forbidden")]
    Forbidden,
    /// 404: the list, or whatever else the call named, is gone.
    #[error("not found")]
    NotFound(Refusal),
    /// 409: two calls changed one contact at a time, or the resource is there already.
    #[error("conflict")]
    Conflict(Refusal),
    /// 429 `throttled`: this second is full, or the API said for how long nobody is to call.
    #[error("throttled")]
    Throttled {
        /// How long nobody calls.
        rest: SignedDuration,
    },
    /// 429 `quota_exceeded`: this UTC day is.
    #[error("the day's quota is spent")]
    QuotaExceeded,
    /// 405, 406, 415, a page of a firewall, and whatever else only a mistake of ours can cause.
    #[error("the API answered {0} to a call of ours")]
    Ours(u16),
    /// A connection that failed before the request left, and of a call that only reads a 5xx or an answer nobody can
    /// read: nothing has changed.
    #[error("the API is not available")]
    Unavailable,
    /// The request left and its answer was lost or is a 5xx: it may have had its effect.
    #[error("the answer was lost")]
    AnswerLost,
}

/// Constant Contact's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// `error_key`, such as `contacts.api.validation.error`.
    pub key: String,
    /// `error_message`. May quote what was sent: for the ledger, never for a log.
    pub message: String,
}

impl CrmError {
    /// 429 `throttled` without a word of how long.
    pub const THROTTLED: Self = Self::Throttled {
        rest: SignedDuration::from_secs(1),
    };

    /// For how long nobody is to call after it.
    #[must_use]
    pub fn pause(&self) -> Option<Pause> {
        match self {
            Self::Throttled { rest } => Some(Pause::For(*rest)),
            Self::QuotaExceeded => Some(Pause::Day),
            _ => None,
        }
    }

    /// The same, where the API asked to be left alone so long.
    #[must_use]
    pub fn resting(self, asked: SignedDuration) -> Self {
        match self {
            Self::Throttled { rest } => Self::Throttled {
                rest: asked.clamp(rest, LONGEST_REST),
            },
            other => other,
        }
    }

    /// Sorts an answer by its status and body. Bodies come as an array or an object of `error_key` and
    /// `error_message`, as the gateway's `message`, as HTML or as nothing at all.
    #[must_use]
    pub fn classify(status: u16, body: &[u8]) -> Self {
        let refusal = Refusal::read(body);
        match status {
            400 => Self::Invalid(refusal),
            401 => Self::Unauthorized,
            // A page instead of the API's words: a firewall before it did not like this one call.
            403 if body.trim_ascii_start().starts_with(b"<") => Self::Ours(403),
            403 => Self::Forbidden,
            404 => Self::NotFound(refusal),
            409 => Self::Conflict(refusal),
            429 if refusal.key == "quota_exceeded" => Self::QuotaExceeded,
            429 => Self::THROTTLED,
            300..=499 => Self::Ours(status),
            _ => Self::Unavailable,
        }
    }
}

impl CrmError {
    /// What the API holds to be at fault with a lead of this address; `None` where it is not the lead.
    #[must_use]
    pub fn blame(&self, email: &EmailAddress) -> Option<Blame> {
        match self {
            Self::Invalid(words) => Some(words.blame(email)),
            Self::NotFound(_) => Some(Blame::List),
            _ => None,
        }
    }
}

/// What is at fault with a lead, as far as an answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The address.
    Address,
    /// A list, which may be gone.
    List,
    /// A part that the lead can go without.
    Optional(OptionalField),
    /// Anything: there are no words, or none that are understood.
    Unclear,
}

impl Blame {
    /// Words in their order: who complains of a part of a lead may name its address beside it.
    const WORDS: [(&str, Self); 8] = [
        ("phone", Self::Optional(OptionalField::Phone)),
        ("custom_field", Self::Optional(OptionalField::CustomFields)),
        ("customfield", Self::Optional(OptionalField::CustomFields)),
        ("street_address", Self::Optional(OptionalField::Address)),
        ("postal_code", Self::Optional(OptionalField::Address)),
        ("list", Self::List),
        ("email", Self::Address),
        ("e_mail", Self::Address),
    ];
}

impl Refusal {
    /// What the words blame, which may quote the lead's address.
    fn blame(&self, email: &EmailAddress) -> Blame {
        let (words, address) = (self.message.to_lowercase(), email.key());
        let (local, domain) = address.rsplit_once('@').unwrap_or((&address, ""));
        let quoted = [&address, local, domain].into_iter();
        let words = quoted.fold(words, |words, part| without(&words, part));
        let words = words.replace([' ', '-'], "_");
        let named = Blame::WORDS.iter().find(|(word, _)| words.contains(word));
        named.map_or(Blame::Unclear, |(_, blame)| *blame)
    }

    fn read(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Body {
            Many(Vec<One>),
            One(One),
        }
        #[derive(Deserialize, Default)]
        struct One {
            #[serde(default)]
            error_key: String,
            #[serde(default, alias = "message")]
            error_message: String,
        }
        let one = match serde_json::from_slice(body) {
            Ok(Body::Many(many)) => many.into_iter().next().unwrap_or_default(),
            Ok(Body::One(one)) => one,
            Err(_) => One::default(),
        };
        Self {
            key: one.error_key,
            message: super::contact::cut(&one.error_message, 500).to_owned(),
        }
    }
}

/// A text without a part of it, wherever that stands by itself.
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
    Address,
}

impl OptionalField {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Phone, Self::CustomFields, Self::Address];

    /// The field's name in a note.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone_number",
            Self::CustomFields => "custom_fields",
            Self::Address => "street_address",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_shape_is_read() {
        let words = |body: &str| Refusal::read(body.as_bytes());
        let expected = Refusal {
            key: "k".into(),
            message: "m".into(),
        };

        assert_eq!(
            words(r#"[{"error_key":"k","error_message":"m"}]"#),
            expected
        );
        assert_eq!(words(r#"{"error_key":"k","error_message":"m"}"#), expected);
        assert_eq!(words(r#"{"message":"Forbidden"}"#).message, "Forbidden");
        for nothing in ["", "[]", "<html>", "{", "null", "[1]"] {
            assert_eq!(words(nothing), Refusal::default(), "{nothing}");
        }
    }

    #[test]
    fn the_two_429s_are_told_apart_and_an_unknown_one_is_the_milder() {
        let of = |body: &str| CrmError::classify(429, body.as_bytes());

        assert_eq!(
            of(r#"{"error_key":"quota_exceeded","error_message":"Limit Exceeded"}"#),
            CrmError::QuotaExceeded
        );
        assert_eq!(
            of(r#"{"error_key":"throttled","error_message":"Too Many Requests"}"#),
            CrmError::THROTTLED
        );
        assert_eq!(of(""), CrmError::THROTTLED);
    }

    #[test]
    fn a_rest_that_is_asked_for_is_kept_from_a_second_to_an_hour() {
        for (asked, kept) in [(-5, 1), (0, 1), (7, 7), (9_999, 3_600), (i64::MAX, 3_600)] {
            let rest = SignedDuration::from_secs(kept);
            let resting = CrmError::THROTTLED.resting(SignedDuration::from_secs(asked));
            assert_eq!(resting, CrmError::Throttled { rest }, "{asked}");
        }
        let other = CrmError::QuotaExceeded.resting(SignedDuration::from_secs(7));
        assert_eq!(other, CrmError::QuotaExceeded);
    }

    #[test]
    fn statuses_are_sorted_by_what_to_do() {
        assert_eq!(CrmError::classify(401, b""), CrmError::Unauthorized);
        assert_eq!(CrmError::classify(403, b""), CrmError::Forbidden);
        assert_eq!(CrmError::classify(403, b"\n<html>"), CrmError::Ours(403));
        assert_eq!(CrmError::classify(415, b""), CrmError::Ours(415));
        assert_eq!(CrmError::classify(302, b""), CrmError::Ours(302));
        assert_eq!(CrmError::classify(503, b"<html>"), CrmError::Unavailable);
        assert!(matches!(
            CrmError::classify(404, b"[]"),
            CrmError::NotFound(_)
        ));
    }

    fn blame(message: &str, email: &str) -> Blame {
        let key = String::new();
        let message = message.to_owned();
        Refusal { key, message }.blame(&email.parse().unwrap())
    }

    #[test]
    fn what_is_at_fault_is_found_in_the_words() {
        for (words, expected) in [
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
                Blame::Optional(OptionalField::Address),
            ),
            ("list_memberships: no such list", Blame::List),
            ("email_address is invalid", Blame::Address),
            ("Not an e-mail address", Blame::Address),
            ("first_name is invalid", Blame::Unclear),
            ("", Blame::Unclear),
        ] {
            assert_eq!(blame(words, "ada@example.com"), expected, "{words}");
        }
        let gone = CrmError::NotFound(Refusal::default());
        let email = "ada@example.com".parse().unwrap();
        assert_eq!(gone.blame(&email), Some(Blame::List));
        assert_eq!(CrmError::Unavailable.blame(&email), None);
    }

    #[test]
    fn an_address_that_the_words_quote_is_not_taken_for_one_of_them() {
        let refusals = [
            ("{} is not a valid email address", Blame::Address),
            ("email_address: {}.", Blame::Address),
            ("A list was not found for {}", Blame::List),
            ("{}?", Blame::Unclear),
        ];
        for email in [
            "Alistair@example.com",
            "iphone.fan@example.com",
            "list-fan@phone.example",
            "a@example.com",
        ] {
            for (words, expected) in refusals {
                let words = words.replace("{}", email);
                assert_eq!(blame(&words, email), expected, "{words}");
            }
            let (local, domain) = email.split_once('@').unwrap();
            for part in [local, domain] {
                let words = format!("email_address: {part} is refused");
                assert_eq!(blame(&words, email), Blame::Address, "{words}");
            }
        }
    }
}
