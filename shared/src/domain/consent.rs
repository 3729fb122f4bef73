//! Proof of opt-in. A lead without it does not come to be.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::contact::{clean, cut};
use super::form::{Form, Statement};
use super::keys::fingerprint;
use super::submission::Submission;

/// A consent younger than this is fresh: the person has just acted, so an opt-out is older.
///
/// Long enough for a full queue to drain, short enough that nobody subscribes and leaves within it.
pub const FRESH_FOR: SignedDuration = SignedDuration::from_mins(15);

/// A consent older than this is no ground to begin mailing on.
const OLDEST: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);

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
    /// The submission names a statement that the form never had, and does not bring its text.
    #[error("this form has had no such statement; its text has to come along")]
    StatementUnknown,
    /// When the person agreed cannot be read.
    #[error("when the person agreed has to be a time such as 2026-11-23T09:30:00Z")]
    GivenAtMalformed,
    /// The person agreed too long ago.
    #[error("the person agreed more than two years ago")]
    GivenAtTooOld,
}

impl ConsentError {
    /// The stable word of this error in an answer.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Required => "consent_required",
            Self::SourceNotPermitted => "source_not_permitted",
            Self::StatementUnknown => "statement_unknown",
            Self::GivenAtMalformed => "given_at_malformed",
            Self::GivenAtTooOld => "given_at_too_old",
        }
    }

    /// The field at fault.
    #[must_use]
    pub fn field(self, form: &Form) -> String {
        match self {
            Self::Required | Self::SourceNotPermitted => form.consent_field.clone(),
            Self::StatementUnknown => "consent_statement".to_owned(),
            Self::GivenAtMalformed | Self::GivenAtTooOld => "consent_given_at".to_owned(),
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
        if !is_permitted(fields) {
            return Err(ConsentError::SourceNotPermitted);
        }
        if !is_given(form, fields) {
            return Err(ConsentError::Required);
        }
        let (statement, version) = agreed_to(form, fields)?;
        Ok(Self {
            statement,
            version,
            given_at: given_at(fields.get("consent_given_at"), now)?,
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

/// Whether the person agreed. JSON's `consent.given` alone says so where it is there; else a ticked box, of which many
/// frameworks send a second, hidden one with the value of an unticked one. A ticked opt-out takes it all back.
fn is_given(form: &Form, fields: &Submission) -> bool {
    let opted_out = ["emailOptOut", "email_opt_out"]
        .iter()
        .any(|name| fields.all(name).any(is_yes));
    let given = match fields.get("consent.given") {
        Some(given) => is_yes(given),
        None => fields.all(&form.consent_field).any(is_yes),
    };
    given && !opted_out
}

/// Whether nothing that a submission says of itself rules it out.
fn is_permitted(fields: &Submission) -> bool {
    let any = |names: &[&str], says: fn(&str) -> bool| {
        let mut values = names.iter().flat_map(|name| fields.all(name));
        values.any(says)
    };
    let banned = any(&["source", "lead_source", "consent_source"], is_banned)
        || any(
            &[
                "pre_ticked",
                "consent_pre_ticked",
                "implicit",
                "consent_implicit",
            ],
            is_yes,
        )
        || any(&["consent_type", "permission_to_send"], is_implicit);
    !banned
}

fn is_yes(value: &str) -> bool {
    matches!(
        value.trim().to_ascii_lowercase().as_str(),
        "yes" | "on" | "true" | "1"
    )
}

fn is_implicit(value: &str) -> bool {
    matches!(
        value.trim().to_ascii_lowercase().as_str(),
        "implicit" | "implied"
    )
}

/// Whether a source is one of those that are never permitted: "rented", "Purchased List", "third-party data".
fn is_banned(source: &str) -> bool {
    const WORDS: [&str; 11] = [
        "purchased",
        "bought",
        "rented",
        "borrowed",
        "traded",
        "shared",
        "thirdparty",
        "3rdparty",
        "appended",
        "scraped",
        "harvested",
    ];
    const OF: [&str; 10] = [
        "list",
        "lists",
        "lead",
        "leads",
        "data",
        "database",
        "contacts",
        "email",
        "emails",
        "addresses",
    ];
    let source = source.to_lowercase();
    let words = source.split(|c: char| !c.is_alphanumeric());
    let told: String = words.filter(|word| !OF.contains(word)).collect();
    WORDS.contains(&told.as_str())
}

/// The statement the person saw: the text that came along, else the version whose digest did, else today's. A text
/// that came along with another one's digest is not to be trusted.
fn agreed_to(form: &Form, fields: &Submission) -> Result<(String, Option<u32>), ConsentError> {
    let supplied = text(fields.get("consent_statement"), 4_000);
    let digest = text(fields.get("consent_statement_sha256"), 64).map(|hex| hex.to_lowercase());
    let known = |statement: &&Statement| match (&supplied, &digest) {
        (Some(text), _) => statement.text == *text,
        (None, Some(digest)) => fingerprint(&statement.text) == *digest,
        (None, None) => statement.version == form.statement().version,
    };
    let known = form.statements.iter().rev().find(known);
    let text = supplied.or_else(|| Some(known?.text.clone()));
    let text = text.filter(|text| digest.is_none_or(|digest| fingerprint(text) == digest));
    let text = text.ok_or(ConsentError::StatementUnknown)?;
    Ok((text, known.map(|known| known.version)))
}

/// A time the person can have acted at: the server's where none is given, or one that lies ahead. A time that cannot
/// be read is refused, as taking it for now would make an old consent fresh.
fn given_at(value: Option<&str>, now: Timestamp) -> Result<Timestamp, ConsentError> {
    let value = value.unwrap_or_default().trim();
    if value.is_empty() {
        return Ok(now);
    }
    let given: Timestamp = value.parse().map_err(|_| ConsentError::GivenAtMalformed)?;
    if now.duration_since(given) > OLDEST {
        return Err(ConsentError::GivenAtTooOld);
    }
    Ok(given.min(now))
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
            "thirdparty",
            "Purchased List",
            "3rd-party data",
        ] {
            assert_eq!(
                parse(&[("consent", "on"), ("source", source)]),
                Err(ConsentError::SourceNotPermitted),
                "{source}"
            );
        }
        for (name, value) in [
            ("pre_ticked", "true"),
            ("consent_implicit", "1"),
            ("consent_type", "implied"),
            ("permission_to_send", "Implicit"),
            ("source", ""),
        ] {
            let twice = [("consent", "on"), ("source", "rented"), (name, value)];
            assert_eq!(parse(&twice), Err(ConsentError::SourceNotPermitted));
            let refused = parse(&[("consent", "on"), (name, value)]).is_err();
            assert_eq!(refused, !value.is_empty(), "{name}");
        }
        for source in ["newsletter footer", "Purchased online", "Trade Show", "Web"] {
            assert!(parse(&[("consent", "on"), ("source", source)]).is_ok());
        }
    }

    #[test]
    fn a_box_with_a_hidden_one_beside_it_is_ticked_where_one_of_them_is() {
        assert!(parse(&[("consent", "0"), ("consent", "1")]).is_ok());
        assert!(parse(&[("consent", "true"), ("consent", "false")]).is_ok());
        assert!(parse(&[("consent", "0"), ("consent", "")]).is_err());
    }

    #[test]
    fn what_json_says_of_the_consent_stands_whatever_the_box_is_called() {
        let mut form = form();
        form.consent_field = "newsletter".into();
        let parse = |fields: &[(&str, &str)]| {
            let fields = Submission::from_pairs(fields.iter().copied()).unwrap();
            Consent::parse(&form, &fields, &Origin::default(), now()).map(|_| ())
        };

        assert_eq!(parse(&[("consent.given", "true")]), Ok(()));
        assert_eq!(parse(&[("newsletter", "on")]), Ok(()));
        for not in [
            [("consent", "on"), ("newsletter", "")],
            [("consent.given", "false"), ("newsletter", "on")],
        ] {
            assert_eq!(parse(&not), Err(ConsentError::Required));
        }
    }

    #[test]
    fn a_ticked_opt_out_takes_the_consent_back() {
        let both = [("consent", "on"), ("emailOptOut", "1")];

        assert_eq!(parse(&both), Err(ConsentError::Required));
        assert!(parse(&[("consent", "on"), ("emailOptOut", "0")]).is_ok());
    }

    #[test]
    fn the_time_given_is_the_senders_unless_it_lies_ahead() {
        let at = |given| Ok(parse(&[("consent", "on"), ("consent_given_at", given)])?.given_at);

        assert_eq!(
            at("2026-11-20T00:00:00Z"),
            Ok("2026-11-20T00:00:00Z".parse().unwrap())
        );
        assert_eq!(at("2027-01-01T00:00:00Z"), Ok(now()));
        assert_eq!(at(" "), Ok(now()));
        assert_eq!(at("yesterday"), Err(ConsentError::GivenAtMalformed));
        assert_eq!(at("2024-11-22T00:00:00Z"), Err(ConsentError::GivenAtTooOld));
    }

    #[test]
    fn a_statement_nobody_knows_has_to_come_with_its_text() {
        let of = |fields: &[(&str, &str)]| {
            let fields: Vec<_> = [("consent", "on")].iter().chain(fields).copied().collect();
            parse(&fields).map(|consent| (consent.statement, consent.version))
        };
        let ours = form().statement().text.clone();
        let (known, unknown) = (fingerprint(&ours), fingerprint("Mail me."));
        let digest = "consent_statement_sha256";

        assert_eq!(
            of(&[(digest, &known.to_uppercase())]),
            Ok((ours.clone(), Some(1)))
        );
        assert_eq!(
            of(&[(digest, &unknown)]),
            Err(ConsentError::StatementUnknown)
        );
        assert_eq!(
            of(&[(digest, &unknown), ("consent_statement", "Mail me.")]),
            Ok(("Mail me.".into(), None))
        );
        assert_eq!(
            of(&[(digest, &known), ("consent_statement", "Mail me.")]),
            Err(ConsentError::StatementUnknown)
        );
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
