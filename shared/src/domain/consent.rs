//! Proof of opt-in. A lead without it does not come to be.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::contact::{clean, cut};
use super::form::Form;
use super::submission::Submission;

/// A consent younger than this is fresh: the person has just acted, so an opt-out is older.
///
/// Long enough for a full queue to drain, short enough that nobody subscribes and leaves within it.
pub const FRESH_FOR: SignedDuration = SignedDuration::from_mins(15);

/// What the person agreed to, when, where, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The statement shown.
    pub statement: String,
    /// Which version of the form's statement that was; `None` where the sender supplied its own text.
    pub version: Option<u32>,
    /// When the box was ticked: the sender's word where it is possible, the server's time otherwise.
    pub given_at: Timestamp,
    /// The page the form stood on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
    /// The address the submission came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The browser's name for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Certificates of independent witnesses (`trustedform`, `jornaya`), kept as text and never fetched.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub certificates: BTreeMap<String, String>,
}

/// Where a submission came from, as the gateway saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The caller's IP address.
    pub ip: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `Referer`, used where the form names no page.
    pub referer: Option<String>,
}

/// Why there is no consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// The opt-in box is absent, empty or not ticked.
    #[error("the person has to agree to be mailed")]
    Required,
    /// The submission says of itself that the address was bought, rented, borrowed or agreed to by default.
    #[error("leads that did not opt in themselves cannot be taken")]
    SourceNotPermitted,
}

impl ConsentError {
    /// The stable word of this error in an answer.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Required => "consent_required",
            Self::SourceNotPermitted => "source_not_permitted",
        }
    }
}

impl Consent {
    /// The consent a submission proves.
    ///
    /// # Errors
    /// [`ConsentError`] where it proves none. The list of sources follows Constant Contact's permission policy,
    /// which names purchased, rented, traded, shared, borrowed and appended lists.
    pub fn parse(
        form: &Form,
        fields: &Submission,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Self, ConsentError> {
        if ["source", "lead_source", "consent_source"]
            .iter()
            .filter_map(|n| fields.get(n))
            .any(is_banned_source)
            || ["pre_ticked", "consent_pre_ticked", "implicit"]
                .iter()
                .filter_map(|n| fields.get(n))
                .any(is_yes)
        {
            return Err(ConsentError::SourceNotPermitted);
        }
        if !fields.get(&form.consent_field).is_some_and(is_yes) {
            return Err(ConsentError::Required);
        }
        let supplied = text(fields.get("consent_statement"), 4_000);
        let (statement, version) = match supplied {
            Some(text) => {
                let known = form.statements.iter().find(|known| known.text == text);
                (text, known.map(|known| known.version))
            }
            None => (
                form.statement().text.clone(),
                Some(form.statement().version),
            ),
        };
        Ok(Self {
            statement,
            version,
            given_at: given_at(fields.get("consent_given_at"), now),
            page_url: text(
                fields.get("consent_page_url").or(origin.referer.as_deref()),
                2_000,
            ),
            ip: text(origin.ip.as_deref(), 64),
            user_agent: text(origin.user_agent.as_deref(), 500),
            certificates: certificates(fields),
        })
    }

    /// Whether the person has acted so lately that they are taken at their word without asking the account.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.given_at) <= FRESH_FOR
    }
}

fn is_yes(value: &str) -> bool {
    matches!(
        value.trim().to_ascii_lowercase().as_str(),
        "yes" | "on" | "true" | "1"
    )
}

fn is_banned_source(value: &str) -> bool {
    let word = value.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    matches!(
        word.as_str(),
        "purchased"
            | "bought"
            | "rented"
            | "borrowed"
            | "traded"
            | "shared"
            | "third_party"
            | "thirdparty"
            | "appended"
            | "scraped"
    )
}

/// A time the person can have acted at: not in the future; anything unreadable counts as now.
fn given_at(value: Option<&str>, now: Timestamp) -> Timestamp {
    value
        .and_then(|text| text.trim().parse().ok())
        .filter(|given: &Timestamp| *given <= now)
        .unwrap_or(now)
}

fn certificates(fields: &Submission) -> BTreeMap<String, String> {
    const NAMES: [(&str, &str); 5] = [
        ("trustedform", "trustedform"),
        ("xxTrustedFormCertUrl", "trustedform"),
        ("jornaya", "jornaya"),
        ("universal_leadid", "jornaya"),
        ("leadid_token", "jornaya"),
    ];
    NAMES
        .iter()
        .filter_map(|(field, name)| Some(((*name).to_owned(), text(fields.get(field), 500)?)))
        .collect()
}

fn text(value: Option<&str>, limit: usize) -> Option<String> {
    let cleaned = clean(value?);
    (!cleaned.is_empty()).then(|| cut(&cleaned, limit).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::form::tests::form;

    fn parse(fields: &[(&str, &str)]) -> Result<Consent, ConsentError> {
        let fields = Submission::from_pairs(fields.iter().copied()).unwrap();
        Consent::parse(&form(), &fields, &Origin::default(), now())
    }

    fn now() -> Timestamp {
        "2026-11-23T09:30:00Z".parse().unwrap()
    }

    #[test]
    fn only_a_ticked_box_is_consent() {
        for yes in ["yes", "on", "true", "1", " ON "] {
            assert!(parse(&[("consent", yes)]).is_ok(), "{yes}");
        }
        for no in ["", "off", "no", "false", "0", "2", "maybe"] {
            assert_eq!(
                parse(&[("consent", no)]),
                Err(ConsentError::Required),
                "{no}"
            );
        }
        assert_eq!(
            parse(&[("email", "ada@example.com")]),
            Err(ConsentError::Required)
        );
    }

    #[test]
    fn a_source_without_permission_is_refused_even_with_the_box_ticked() {
        for source in [
            "purchased",
            "Rented",
            "third-party",
            "appended",
            "THIRD PARTY",
        ] {
            assert_eq!(
                parse(&[("consent", "on"), ("source", source)]),
                Err(ConsentError::SourceNotPermitted),
                "{source}"
            );
        }
        assert_eq!(
            parse(&[("consent", "on"), ("pre_ticked", "true")]),
            Err(ConsentError::SourceNotPermitted)
        );
        assert!(parse(&[("consent", "on"), ("source", "newsletter footer")]).is_ok());
    }

    #[test]
    fn the_time_given_is_the_senders_unless_it_lies_ahead() {
        let at = |given| {
            parse(&[("consent", "on"), ("consent_given_at", given)])
                .unwrap()
                .given_at
        };

        assert_eq!(
            at("2026-11-20T00:00:00Z"),
            "2026-11-20T00:00:00Z".parse().unwrap()
        );
        assert_eq!(at("2027-01-01T00:00:00Z"), now());
        assert_eq!(at("yesterday"), now());
    }

    #[test]
    fn a_statement_the_sender_supplies_is_kept_and_recognised() {
        let own = parse(&[("consent", "on"), ("consent_statement", "Mail me.")]).unwrap();
        let ours = parse(&[
            ("consent", "on"),
            ("consent_statement", &form().statement().text),
        ])
        .unwrap();

        assert_eq!((own.statement.as_str(), own.version), ("Mail me.", None));
        assert_eq!(ours.version, Some(1));
    }

    #[test]
    fn certificates_are_kept_as_text() {
        let consent = parse(&[
            ("consent", "on"),
            ("xxTrustedFormCertUrl", "http://10.0.0.1/x"),
        ])
        .unwrap();

        assert_eq!(consent.certificates["trustedform"], "http://10.0.0.1/x");
    }
}
