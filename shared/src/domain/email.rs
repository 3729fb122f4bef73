//! An email address that Constant Contact can store.

use std::fmt;
use std::str::FromStr;

use email_address::Options;
use serde::{Deserialize, Serialize};
use url::Host;

use super::contact::is_invisible;

/// The longest address Constant Contact stores (`POST /contacts`, and the upload page's "Email Address").
pub const MAX_CHARS: usize = 80;

/// The longest address `POST /contacts/sign_up_form` accepts by its description; longer ones go by `POST /contacts`.
pub const MAX_SIGN_UP_CHARS: usize = 50;

/// Why a text is not an address. Never carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Nothing was given.
    #[error("an email address is required")]
    Missing,
    /// Longer than [`MAX_CHARS`].
    #[error("the email address is longer than 80 characters")]
    TooLong,
    /// Not an address by RFC 5321, or a form of one that no mailing list accepts (quoted names, IP literals, no dot in
    /// the domain).
    #[error("this does not look like an email address")]
    Malformed,
}

impl EmailError {
    /// The stable word of this error in an answer.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "email_missing",
            Self::TooLong => "email_too_long",
            Self::Malformed => "email_malformed",
        }
    }
}

/// An address as its owner wrote it, with an international domain in the ASCII form used in mail (RFC 5891). `Debug`
/// and `Display` mask it: only [`as_str`](Self::as_str) gives the full text.
///
/// What is stored was parsed when it came in and is not parsed again, so that no rule of a later version makes a row
/// unreadable.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The full address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which two spellings are one person: Constant Contact ignores case.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// The same mailbox with a tag, if its provider supports them (RFC 5233): `ada+news@example.com`.
    ///
    /// # Errors
    /// [`EmailError`] if that is longer than an address may be.
    pub fn tagged(&self, tag: &str) -> Result<Self, EmailError> {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        format!("{local}+{tag}@{domain}").parse()
    }

    /// Whether `POST /contacts/sign_up_form` accepts an address of this length.
    #[must_use]
    pub fn fits_sign_up(&self) -> bool {
        self.0.chars().count() <= MAX_SIGN_UP_CHARS
    }

    /// Whether Constant Contact stores the address but does not mail it: it names a role (`admin@`, `sales@`), a group,
    /// or one of the sites that pass mail on.
    #[must_use]
    pub fn is_role(&self) -> bool {
        const ROLES: [&str; 25] = [
            "abuse",
            "admin",
            "all",
            "everyone",
            "ftp",
            "investorrelations",
            "jobs",
            "marketing",
            "media",
            "noc",
            "postmaster",
            "prime",
            "privacy",
            "remove",
            "request",
            "root",
            "sales",
            "security",
            "spam",
            "subscribe",
            "usenet",
            "users",
            "uucp",
            "webmaster",
            "www",
        ];
        const SITES: [&str; 4] = [
            "googlegroups.com",
            "yahoogroups.com",
            "craigslist.org",
            "facebook.com",
        ];
        let key = self.key();
        let (local, domain) = key.rsplit_once('@').unwrap_or((&key, ""));
        let is_of = |site: &&str| {
            let host = domain.strip_suffix(*site);
            host.is_some_and(|host| host.is_empty() || host.ends_with('.'))
        };
        ROLES.contains(&local) || SITES.iter().any(is_of) || key.contains("spam")
    }

    /// Enough to recognise one's own address, and no more: `a•••@e•••.com`.
    #[must_use]
    pub fn masked(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        let (name, tld) = domain.rsplit_once('.').unwrap_or((domain, ""));
        let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
        format!("{}•••@{}•••.{tld}", first(local), first(name))
    }
}

impl FromStr for EmailAddress {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        let text = text.trim_matches(is_invisible);
        if text.is_empty() {
            return Err(EmailError::Missing);
        }
        let address = mailbox(text)?;
        if address.local_part().starts_with('"') || text.chars().any(is_invisible) {
            return Err(EmailError::Malformed);
        }
        let text = format!("{}@{}", address.local_part(), ascii(address.domain())?);
        mailbox(&text)?; // a rewritten domain is another one
        if text.chars().count() > MAX_CHARS {
            return Err(EmailError::TooLong);
        }
        Ok(Self(text))
    }
}

fn mailbox(text: &str) -> Result<email_address::EmailAddress, EmailError> {
    let options = Options::default()
        .with_required_tld()
        .without_domain_literal()
        .without_display_text();
    email_address::EmailAddress::parse_with_options(text, options)
        .map_err(|_| EmailError::Malformed)
}

/// A domain as used in mail: letters, digits and hyphens (RFC 5321, section 4.1.2). One in ASCII stays as it is.
fn ascii(domain: &str) -> Result<String, EmailError> {
    let domain = match domain.is_ascii() {
        true => domain.to_owned(),
        false => match Host::parse(domain) {
            Ok(Host::Domain(domain)) => domain,
            _ => return Err(EmailError::Malformed),
        },
    };
    let is_sign = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let is_domain = domain.chars().all(is_sign);
    is_domain.then_some(domain).ok_or(EmailError::Malformed)
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn valid_addresses_are_accepted() {
        for good in [
            "ada@example.com",
            "ada+news@example.co.uk",
            "o'brien@example.com",
            "ada@bücher.example",
            "ada@example.photography",
            " ada@example.com ",
            "\u{feff}ada@example.com\u{200b}\r\n",
            "a_b-c=d{e}~f'g@example.com",
            "ada@xn--bcher-kva.example",
            &format!("{}@example.com", "a".repeat(60)),
        ] {
            assert!(good.parse::<EmailAddress>().is_ok(), "{good}");
        }
    }

    #[test]
    fn malformed_missing_and_overlong_addresses_are_rejected() {
        for bad in [
            "ada",
            "ada@",
            "@example.com",
            "a@@example.com",
            "a@b@example.com",
            "a b@example.com",
            "a@b",
            "ada@example.com.",
            "\"ada\"@example.com",
            "ada@[127.0.0.1]",
            "ada@exa mple.com",
            "ada@example.com\r\nBcc: x@example.com",
            "Ada <ada@example.com>",
            "ada@example..com",
            ".ada@example.com",
            "ada\u{0}@example.com",
            "ada@exam\u{200b}ple.com",
            "ada\u{a0}@example.com",
            "ada\u{202e}@example.com",
            "ada@example.com,eve@example.com",
            "ada@example.com;eve@example.com",
            "mailto:ada@example.com?cc=eve@example.com",
            "ada@a%2eb.com",
            "ada@a%2e%2eü.com",
            "ada@a%2Cü.com",
            "ada@exam_ple.com",
        ] {
            assert_eq!(
                bad.parse::<EmailAddress>(),
                Err(EmailError::Malformed),
                "{bad}"
            );
        }
        assert_eq!("  ".parse::<EmailAddress>(), Err(EmailError::Missing));
        let long = format!("{}@{}.example.com", "a".repeat(60), "b".repeat(20));
        assert_eq!(long.parse::<EmailAddress>(), Err(EmailError::TooLong));
        let endless = format!("{}@example.com", "a".repeat(243));
        assert_eq!(endless.parse::<EmailAddress>(), Err(EmailError::Malformed));
    }

    #[test]
    fn international_domain_is_stored_in_its_ascii_form() {
        let address: EmailAddress = "Ada@Bücher.example".parse().unwrap();
        let long = format!("ada@{}.example", "ü".repeat(60));

        assert_eq!(address.as_str(), "Ada@xn--bcher-kva.example");
        assert_eq!(Ok(address.clone()), address.as_str().parse());
        assert!(long.parse::<EmailAddress>().is_err());
    }

    #[test]
    fn stored_address_is_read_without_validation() {
        let stored = "ada@an_older_rule.example";
        let read: EmailAddress = serde_json::from_value(stored.into()).unwrap();

        assert_eq!(read.as_str(), stored);
        assert_eq!(serde_json::to_value(&read).unwrap(), stored);
    }

    proptest! {
        #[test]
        fn accepted_address_parses_to_itself_again(local in "[a-z+'.%]{1,9}", domain in "[a-z%0-9._ü丁ß。-]{1,30}", tld in "com|ü|%63") {
            if let Ok(address) = format!("{local}@{domain}.{tld}").parse::<EmailAddress>() {
                prop_assert_eq!(address.as_str().parse(), Ok(address));
            }
        }
    }

    #[test]
    fn tag_is_appended_to_the_local_part() {
        let tagged = |address: &str| {
            let address: EmailAddress = address.parse().unwrap();
            address.tagged("7")
        };
        let long = format!("{}@example.com", "a".repeat(64));

        assert_eq!(
            tagged("ada@example.com").unwrap().as_str(),
            "ada+7@example.com"
        );
        assert_eq!(
            tagged("ada+news@example.com").unwrap().as_str(),
            "ada+news+7@example.com"
        );
        assert!(tagged(&long).is_err());
    }

    #[test]
    fn addresses_of_up_to_80_characters_are_accepted_and_up_to_50_by_sign_up() {
        let of = |characters: usize| {
            let address = format!("{}@example.com", "a".repeat(characters - 12 - 20));
            address.replace("example", &format!("{}example", "e".repeat(20)))
        };
        let parse = |characters| of(characters).parse::<EmailAddress>();

        for (characters, fits) in [(50, true), (51, false), (80, false)] {
            let address = parse(characters).unwrap();
            assert_eq!(
                address.as_str().len(),
                characters,
                "the address is not truncated"
            );
            assert_eq!(address.fits_sign_up(), fits, "{characters}");
        }
        assert!(parse(81).is_err());
    }

    #[test]
    fn debug_shows_the_address_masked() {
        let address: EmailAddress = "ada@example.com".parse().unwrap();

        assert_eq!(format!("{address:?}"), "EmailAddress(a•••@e•••.com)");
    }

    #[test]
    fn role_and_group_addresses_are_recognised() {
        for (address, is_role) in [
            ("Sales@example.com", true),
            ("salesman@example.com", false),
            ("hostmaster@example.com", false),
            ("news@googlegroups.com", true),
            ("ada@facebook.com", true),
            ("abc-123@sale.craigslist.org", true),
            ("ada@notfacebook.com", false),
            ("no.Spam.ada@example.com", true),
        ] {
            let email: EmailAddress = address.parse().unwrap();
            assert_eq!(email.is_role(), is_role, "{address}");
        }
    }
}
