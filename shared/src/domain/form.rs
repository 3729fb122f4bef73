//! A lead form: what it asks, the consent statement it shows, and where its leads go.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::ids::{CustomerId, FormId, RemoteId};
use super::screening::Screening;

/// One version of the text beside the opt-in box. Versions are kept for ever: leads refer to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Counts from 1.
    pub version: u32,
    /// The text shown.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
    /// The brand that it had to name. Absent if it was stored before brands were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
}

impl Statement {
    /// A version of a consent statement.
    ///
    /// # Errors
    /// [`StatementError`]; among others, the statement must name the brand that will send the mail.
    pub fn parse(
        text: &str,
        brand: &str,
        version: u32,
        since: Timestamp,
    ) -> Result<Self, StatementError> {
        let text = super::contact::clean(text);
        if text.is_empty() {
            return Err(StatementError::Missing);
        }
        if text.chars().count() > 1_000 {
            return Err(StatementError::TooLong);
        }
        if !names_brand(&text, brand) {
            return Err(StatementError::BrandNotNamed);
        }
        Ok(Self {
            version,
            text,
            since,
            brand: Some(brand.to_owned()),
        })
    }
}

/// Why a statement may not be shown beside an opt-in box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Nothing to agree to.
    #[error("a form needs a consent statement")]
    Missing,
    /// Longer than 1,000 characters: nobody reads that.
    #[error("the consent statement is longer than 1,000 characters")]
    TooLong,
    /// The person must know who will mail them.
    #[error("the consent statement has to name the brand that will send the mail")]
    BrandNotNamed,
}

/// A lead form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Its public id.
    pub id: FormId,
    /// Whose it is.
    pub customer: CustomerId,
    /// Its name, for people.
    pub name: String,
    /// Every version of the consent statement, oldest first; never empty.
    pub statements: Vec<Statement>,
    /// The name of the opt-in box.
    pub consent_field: String,
    /// The lists its leads join; empty means the lists the customer chose for the connection.
    pub lists: Vec<RemoteId>,
    /// Fields that must be filled in besides the address.
    pub required: Vec<String>,
    /// The form's own names for our fields: from theirs to ours.
    pub mapped: BTreeMap<String, String>,
    /// Values that every lead of this form carries, such as a campaign; they override what is submitted.
    pub constants: BTreeMap<String, String>,
    /// Origins whose scripts may post (CORS).
    pub allowed_origins: Vec<String>,
    /// Where a browser goes after submitting the form.
    pub return_url: Option<String>,
    /// Hosts to which a submission may send the browser back.
    pub return_hosts: Vec<String>,
    /// The brand's privacy policy, an `https` page that is linked beside the opt-in box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy_url: Option<String>,
    /// Counts the rotations of the signed webhook's secret, which is derived from this number; the one before stays
    /// valid.
    pub webhook_generation: u32,
    /// How it tells people from robots.
    #[serde(default)]
    pub screening: Screening,
    /// Whether it accepts leads.
    pub open: bool,
    /// Whether it accepts only leads that its owner's server signs, so that nobody who sees its id can sign people up.
    #[serde(default)]
    pub signed_only: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// Counts its changes, so that of two at once neither undoes the other.
    #[serde(default)]
    pub revision: u64,
}

impl Form {
    /// The statement shown today.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        self.statements
            .last()
            .expect("a form is made with a statement")
    }

    /// The brand whose mail people sign up for, if it is known.
    #[must_use]
    pub fn brand(&self) -> Option<&str> {
        self.statement().brand.as_deref()
    }

    /// The form's own name for a field of ours, or ours if it has none.
    #[must_use]
    pub fn name_of<'a>(&'a self, ours: &'a str) -> &'a str {
        let mut mapped = self.mapped.iter();
        let own = mapped.find(|(_, target)| *target == ours);
        own.map_or(ours, |(theirs, _)| theirs.as_str())
    }

    /// Where the browser goes: where the submission asks, if that is on an allowed host, else the form's own page.
    #[must_use]
    pub fn return_to(&self, wish: Option<&str>) -> Option<Url> {
        let own = self.return_url.as_deref().and_then(web_url);
        let own_host = own.as_ref().and_then(Url::host_str).map(str::to_owned);
        let allowed = |url: &Url| {
            url.host_str().is_some_and(|host| {
                own_host.as_deref() == Some(host)
                    || self.return_hosts.iter().any(|known| known == host)
            })
        };
        wish.and_then(web_url).filter(allowed).or(own)
    }
}

/// The address of a page that a browser can be sent to: absolute `http(s)`, no user part, standard port, 2,000
/// characters at most.
#[must_use]
pub fn web_url(text: &str) -> Option<Url> {
    if text.len() > 2_000 || !(text.starts_with("https://") || text.starts_with("http://")) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    (url.username().is_empty() && url.password().is_none() && url.port().is_none()).then_some(url)
}

/// Whether a consent statement says who will send the mail.
#[must_use]
pub fn names_brand(statement: &str, brand: &str) -> bool {
    statement.to_lowercase().contains(&brand.to_lowercase())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn form() -> Form {
        Form {
            return_url: Some("https://engines.example/thanks".into()),
            return_hosts: vec!["www.engines.example".into()],
            ..crate::fakes::samples::form()
        }
    }

    #[test]
    fn statement_must_name_the_brand() {
        let since = Timestamp::UNIX_EPOCH;

        assert_eq!(
            Statement::parse("I agree.", "Engines", 1, since),
            Err(StatementError::BrandNotNamed)
        );
        assert_eq!(
            Statement::parse(" ", "Engines", 1, since),
            Err(StatementError::Missing)
        );
        assert!(Statement::parse("engines may mail me", "Engines", 1, since).is_ok());
    }

    #[test]
    fn browser_is_redirected_only_to_allowed_hosts() {
        let form = form();
        let to = |wish| form.return_to(Some(wish)).unwrap().to_string();

        assert_eq!(
            to("https://www.engines.example/ok?a=1"),
            "https://www.engines.example/ok?a=1"
        );
        assert_eq!(
            to("https://engines.example/other"),
            "https://engines.example/other"
        );
        assert_eq!(
            to("https://WWW.Engines.example/a\r\nSet-Cookie: b=c"),
            "https://www.engines.example/aSet-Cookie:%20b=c"
        );
        for bad in [
            "https://evil.example/",
            "//evil.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://engines.example:8443/",
            "https://engines.example@evil.example/",
            "https://engines.example:443@evil.example/",
            "https://evil.example\\@engines.example/",
            "https:\\\\evil.example/",
            "https:evil.example",
            "https:///evil.example/",
            "https://engines.example./",
            "https://[::1]/",
            "https://2130706433/",
            " https://evil.example/",
            "blob:https://engines.example/x",
            "https://engınes.example/",
            "https://www.engines.example.evil.example/",
            "/relative",
            &format!("https://www.engines.example/{}", "a".repeat(4_000)),
        ] {
            assert_eq!(to(bad), "https://engines.example/thanks", "{bad}");
        }
    }
}
