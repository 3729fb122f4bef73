//! Proof of opt-in, without which no lead is created.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use super::contact::{clean, cut};
use super::form::{Form, Statement, names_brand};
use super::keys::fingerprint;
use super::submission::Submission;

/// A consent younger than this is fresh: the person has just acted, so any opt-out is older.
///
/// Long enough for a full queue to drain, short enough that nobody subscribes and leaves within it.
pub const FRESH_FOR: SignedDuration = SignedDuration::from_mins(15);

/// The most characters of a statement that a sender supplies. A longer one is refused: cut short, it would say
/// something else.
const LONGEST_STATEMENT: usize = 4_000;

/// A consent older than this is no ground to begin mailing on, whether the lead came with it or has waited that long.
const OLDEST: SignedDuration = SignedDuration::from_hours(2 * 365 * 24);

/// What the person agreed to, when, where, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The statement shown.
    pub statement: String,
    /// The version of the form's statement; `None` if the sender supplied its own text.
    pub version: Option<u32>,
    /// When the box was ticked: the sender's time if it is plausible, otherwise the server's.
    pub given_at: Timestamp,
    /// The page that contained the form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
    /// The address the submission came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The browser's `User-Agent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The site whose page sent it, as stated by the browser, which no page can change: `null` if the browser does not
    /// say. `None` if it was our own page, a program, or before this was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Certificates of independent witnesses (`trustedform`, `jornaya`), kept as text and never fetched.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub certificates: BTreeMap<String, String>,
    /// The form's brand, where the statement names it. Consents of the first versions have none; some later ones have a
    /// brand that their statement does not name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
}

/// Where a submission came from, as the gateway saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The caller's IP address.
    pub ip: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `Origin`, unless it is ours.
    pub site: Option<String>,
    /// `Referer`, used if the form names no page.
    pub referer: Option<String>,
}

/// Why there is no consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// The opt-in box is absent, empty or not ticked.
    #[error("please tick the box to sign up")]
    Required,
    /// The submission itself says that the address was bought, rented, borrowed or agreed to by default.
    #[error(
        "this sign-up says that the address came from a list or that the box was ticked in advance, so it cannot be taken"
    )]
    SourceNotPermitted,
    /// The digest belongs to no statement that the form has or had, or not to the text that came with it.
    #[error(
        "this digest belongs to no statement of this form, or not to the text sent with it; send the text it belongs to"
    )]
    StatementUnknown,
    /// The supplied statement is longer than 4,000 characters.
    #[error("the statement the person agreed to is longer than 4,000 characters")]
    StatementTooLong,
    /// The time at which the person agreed cannot be read.
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
            Self::StatementTooLong => "statement_too_long",
            Self::GivenAtMalformed => "given_at_malformed",
            Self::GivenAtTooOld => "given_at_too_old",
        }
    }

    /// The field at fault.
    #[must_use]
    pub fn field(self, form: &Form) -> String {
        match self {
            Self::Required | Self::SourceNotPermitted => form.consent_field.clone(),
            Self::StatementUnknown | Self::StatementTooLong => "consent_statement".to_owned(),
            Self::GivenAtMalformed | Self::GivenAtTooOld => "consent_given_at".to_owned(),
        }
    }
}

impl Consent {
    /// The consent that a submission proves.
    ///
    /// # Errors
    /// [`ConsentError`] if it proves none. The list of sources follows Constant Contact's permission policy, which
    /// names purchased, rented, traded, shared, borrowed and appended lists.
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
        let known = form.statements.iter().find(|s| Some(s.version) == version);
        let brand = known.unwrap_or(form.statement()).brand.clone();
        let page_url = text(fields.get("consent_page_url"), 2_000);
        Ok(Self {
            brand: brand.filter(|brand| names_brand(&statement, brand)),
            statement,
            version,
            given_at: given_at(fields.get("consent_given_at"), now)?,
            page_url: page_url.or_else(|| text(origin.referer.as_deref(), 2_000)),
            ip: text(origin.ip.as_deref(), 64),
            user_agent: text(origin.user_agent.as_deref(), 500),
            origin: text(origin.site.as_deref(), 500),
            certificates: certificates(fields),
        })
    }

    /// Whether it was sent by another site than that of the page it names, as far as both can be read.
    #[must_use]
    pub fn is_from_other_site(&self) -> bool {
        let site = |url: &Option<String>| Some(Url::parse(url.as_deref()?).ok()?.origin());
        matches!((site(&self.origin), site(&self.page_url)), (Some(from), Some(page)) if from != page)
    }

    /// Whether the person acted so recently that their consent is trusted without asking the account.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.given_at) <= FRESH_FOR
    }

    /// Whether the person agreed too long ago for a first mail.
    #[must_use]
    pub fn is_too_old(&self, now: Timestamp) -> bool {
        is_too_old(self.given_at, now)
    }
}

/// Whether the person agreed. JSON's `consent.given` alone decides if present; otherwise a ticked box, beside which
/// many frameworks send a second, hidden one with the value for unticked. A ticked opt-out overrides all.
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

/// Whether nothing that a submission says about itself rules it out.
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

/// Whether a source is never permitted: "rented", "Purchased list 2024", "third-party vendor". What people did
/// themselves is permitted ("Purchased online", "Shared on a wall"); "Bought a mailing list" is not.
fn is_banned(source: &str) -> bool {
    const BANNED: [&str; 9] = [
        "purchased",
        "bought",
        "rented",
        "borrowed",
        "appended",
        "scraped",
        "harvested",
        "thirdparty",
        "3rdparty",
    ];
    const OWN_ACTION: [&str; 8] = [
        "online", "a", "an", "our", "product", "products", "ticket", "tickets",
    ];
    const LISTS: [&str; 10] = [
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
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    // Addresses are bought as lists; "Purchased online, by email" says how the buyer came.
    let names_list = |word: &&str| *word != "email" && LISTS.contains(word);
    let last_list = words.iter().rposition(names_list);
    let is_own_action = |at: usize| {
        let object = words.get(at + 1);
        object.is_some_and(|word| OWN_ACTION.contains(word))
            && last_list.is_none_or(|last| last <= at)
    };
    (0..words.len()).any(|at| match &words[at..] {
        ["third" | "3rd", "party" | "parties", ..] => true,
        ["list" | "lists", "rental", ..] | ["rental", "list" | "lists", ..] => true,
        ["traded" | "shared"] => words[..at].iter().all(|word| LISTS.contains(word)),
        ["traded" | "shared", next, ..] => LISTS.contains(next),
        [word, ..] => BANNED.contains(word) && !is_own_action(at),
        [] => false,
    })
}

/// The statement that the person saw: the supplied text, else the version with the supplied digest, else today's. A
/// text with the digest of another one is not to be trusted.
fn agreed_to(form: &Form, fields: &Submission) -> Result<(String, Option<u32>), ConsentError> {
    let supplied = text(fields.get("consent_statement"), usize::MAX);
    let length = |text: &String| text.chars().count();
    if supplied.as_ref().map_or(0, length) > LONGEST_STATEMENT {
        return Err(ConsentError::StatementTooLong);
    }
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

/// A plausible time at which the person acted: the server's if none is given or it lies ahead. A time that cannot be
/// read is refused, since taking it for now would make an old consent fresh.
fn given_at(value: Option<&str>, now: Timestamp) -> Result<Timestamp, ConsentError> {
    let value = value.unwrap_or_default().trim();
    if value.is_empty() {
        return Ok(now);
    }
    let given: Timestamp = value.parse().map_err(|_| ConsentError::GivenAtMalformed)?;
    if is_too_old(given, now) {
        return Err(ConsentError::GivenAtTooOld);
    }
    Ok(given.min(now))
}

fn is_too_old(given_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(given_at) > OLDEST
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
mod tests;
