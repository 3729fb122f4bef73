//! The tokens of a connection, and when they are to be refreshed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::ids::AppId;
use super::keys::fingerprint;

/// How long before it expires a token is refreshed. Also by how much a clock may be wrong.
pub const REFRESH_MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// What was granted with a code or a refresh token.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Bearer token of the API.
    pub access: SecretString,
    /// Gets the next pair; single use if the application has rotating refresh tokens.
    pub refresh: SecretString,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// The scopes granted, separated by blanks.
    pub scope: String,
}

impl Tokens {
    /// Whether they were granted for contacts.
    #[must_use]
    pub fn are_for_contacts(&self) -> bool {
        grants(&self.scope, CONTACTS)
    }

    /// Whether both are the same pair.
    #[must_use]
    pub fn is_pair_of(&self, other: &Self) -> bool {
        self.access.expose_secret() == other.access.expose_secret()
            && self.refresh.expose_secret() == other.refresh.expose_secret()
    }

    /// The user who granted them to an application: the `sub` of the access token, which is a JWT. `None` if it cannot
    /// be read.
    ///
    /// Its signature is not checked, since it came from the token endpoint itself. It decides only which pair replaces
    /// which.
    #[must_use]
    pub fn subject(&self, app: &AppId) -> Option<Subject> {
        let sub = Claims::of(&self.access)?.sub.filter(|sub| !sub.is_empty());
        sub.map(|sub| Subject::of(app, &sub))
    }
}

/// What an access token, which is a JWT, says about itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Claims {
    /// The user who granted it.
    sub: Option<String>,
    /// When it expires, in seconds since the epoch.
    exp: Option<i64>,
}

impl Claims {
    fn of(access: &SecretString) -> Option<Self> {
        let claims = access.expose_secret().split('.').nth(1)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        serde_json::from_slice(&claims).ok()
    }
}

/// A user of Constant Contact as one application knows them, as a digest: their own name may be an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// The user whom access tokens of `app` call `sub`.
    #[must_use]
    pub fn of(app: &AppId, sub: &str) -> Self {
        Self(fingerprint(&format!("{app}\n{sub}")))
    }

    /// The digest.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tokens as the vault keeps them: numbered, so that the newest pair is known in whatever order writes arrive.
#[derive(Debug, Clone)]
pub struct StoredTokens {
    /// Counts the pairs of this connection from 1.
    pub generation: u64,
    /// The pair.
    pub tokens: Tokens,
}

/// What the token endpoint granted, before it is known to be sufficient.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Bearer token of the API.
    pub access: SecretString,
    /// Absent if the application has long-lived tokens, or `offline_access` was not granted.
    pub refresh: Option<SecretString>,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// The scopes granted; `None` if the answer does not say.
    pub scope: Option<String>,
}

/// Why a grant cannot be a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// No refresh token: the connection would end in a day.
    #[error("Constant Contact granted no lasting access (offline_access)")]
    NoRefreshToken,
    /// A scope that we need was not granted.
    #[error("Constant Contact did not grant {0}")]
    MissingScope(&'static str),
}

/// The scope of contacts and lists.
const CONTACTS: &str = "contact_data";

/// The scopes asked for: contacts and lists, the account's name, and lasting access.
pub const SCOPES: [&str; 3] = [CONTACTS, "account_read", "offline_access"];

/// Whether scopes separated by blanks include this one.
fn grants(scopes: &str, wanted: &str) -> bool {
    scopes.split_whitespace().any(|granted| granted == wanted)
}

impl Grant {
    /// The tokens of a new connection.
    ///
    /// # Errors
    /// [`GrantError`] if the customer would be connected in name only.
    pub fn into_tokens(self) -> Result<Tokens, GrantError> {
        if let Some(scope) = &self.scope {
            let missing = SCOPES.into_iter().find(|needed| !grants(scope, needed));
            match missing {
                Some("offline_access") => return Err(GrantError::NoRefreshToken),
                Some(scope) => return Err(GrantError::MissingScope(scope)),
                None => {}
            }
        }
        let refresh = self
            .refresh
            .filter(|token| !token.expose_secret().is_empty())
            .ok_or(GrantError::NoRefreshToken)?;
        let scope = self.scope.unwrap_or_else(|| SCOPES.join(" "));
        Ok(Tokens {
            access: self.access,
            refresh,
            expires_at: self.expires_at,
            scope,
        })
    }

    /// The tokens after a refresh: a long-lived refresh token comes back unchanged, empty or not at all.
    #[must_use]
    pub fn renew(self, old: &Tokens) -> Tokens {
        let refresh = self
            .refresh
            .filter(|token| !token.expose_secret().is_empty());
        Tokens {
            access: self.access,
            refresh: refresh.unwrap_or_else(|| old.refresh.clone()),
            expires_at: self.expires_at,
            scope: self.scope.unwrap_or_else(|| old.scope.clone()),
        }
    }
}

/// The assumed lifetime, in seconds, of an access token about which nothing says it: less than any source states.
const DEFAULT_LIFETIME: i64 = 3_600;

/// When an access token that was granted just now expires, bounded to a day and a bit: according to itself, or else to
/// the answer's `expires_in`.
///
/// Constant Contact's own description calls that a UNIX timestamp and every client reads it as a duration: a value
/// beyond a billion can only be the former. A token that says it has expired already was made by another clock.
#[must_use]
pub fn expiry(access: &SecretString, expires_in: Option<i64>, now: Timestamp) -> Timestamp {
    const LONGEST: i64 = 25 * 3600;
    let own = Claims::of(access).and_then(|claims| claims.exp);
    let own = own.filter(|exp| *exp > now.as_second());
    let seconds = match own.or(expires_in) {
        Some(timestamp) if timestamp > 1_000_000_000 => timestamp - now.as_second(),
        Some(duration) => duration,
        None => DEFAULT_LIFETIME,
    };
    now.saturating_add(SignedDuration::from_secs(seconds.clamp(0, LONGEST)))
        .unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(refresh: Option<&str>, scope: Option<&str>) -> Grant {
        Grant {
            access: "a".into(),
            refresh: refresh.map(Into::into),
            expires_at: Timestamp::UNIX_EPOCH,
            scope: scope.map(Into::into),
        }
    }

    #[test]
    fn grant_without_refresh_token_or_contact_scope_is_rejected() {
        let all = Some("contact_data account_read offline_access");

        assert!(grant(Some("r"), all).into_tokens().is_ok());
        assert!(grant(Some("r"), None).into_tokens().is_ok());
        assert_eq!(
            grant(None, all).into_tokens().unwrap_err(),
            GrantError::NoRefreshToken
        );
        assert_eq!(
            grant(Some(""), all).into_tokens().unwrap_err(),
            GrantError::NoRefreshToken
        );
        let some = grant(Some("r"), Some("account_read offline_access"));
        assert_eq!(
            some.into_tokens().unwrap_err(),
            GrantError::MissingScope("contact_data")
        );
        let some = grant(Some("r"), Some("contact_data account_read"));
        assert_eq!(some.into_tokens().unwrap_err(), GrantError::NoRefreshToken);
    }

    #[test]
    fn long_lived_refresh_token_is_kept_unless_a_new_one_is_granted() {
        let old = grant(Some("old"), None).into_tokens().unwrap();

        assert_eq!(grant(None, None).renew(&old).refresh.expose_secret(), "old");
        assert_eq!(
            grant(Some(""), None).renew(&old).refresh.expose_secret(),
            "old"
        );
        assert_eq!(
            grant(Some("new"), None).renew(&old).refresh.expose_secret(),
            "new"
        );
    }

    #[test]
    fn subject_is_unique_per_user_and_application_and_hides_the_user() {
        let app = |id: &str| id.parse::<AppId>().unwrap();
        let of = |access: &str, id: &str| {
            let tokens = grant(Some("r"), None).into_tokens().unwrap();
            let access = access.into();
            Tokens { access, ..tokens }.subject(&app(id))
        };
        let jwt = |claims: &str, signature: &str| {
            let claims = URL_SAFE_NO_PAD.encode(claims);
            format!("e30.{claims}.{signature}")
        };
        let ada = jwt(r#"{"sub":"ada@example.com","exp":1}"#, "one");
        let again = jwt(r#"{"exp":2,"sub":"ada@example.com"}"#, "two");
        let grace = jwt(r#"{"sub":"grace@example.com"}"#, "one");

        let subject = of(&ada, "one").unwrap();
        assert_eq!(subject, Subject::of(&app("one"), "ada@example.com"));
        assert_eq!(of(&again, "one").as_ref(), Some(&subject));
        assert_ne!(of(&ada, "two").as_ref(), Some(&subject));
        assert_ne!(of(&grace, "one").as_ref(), Some(&subject));
        assert!(!format!("{subject:?}").contains("ada"));
        let without_user = [jwt(r#"{"sub":""}"#, ""), jwt("{}", ""), jwt("x", "")];
        for unreadable in ["", "opaque", "a.b", "a.%.c"]
            .into_iter()
            .chain(without_user.iter().map(String::as_str))
        {
            assert_eq!(of(unreadable, "one"), None, "{unreadable}");
        }
    }

    #[test]
    fn expires_in_is_read_as_a_duration_or_a_unix_timestamp() {
        let now: Timestamp = "2026-11-23T09:30:00Z".parse().unwrap();
        let tomorrow = "2026-11-24T09:30:00Z".parse::<Timestamp>().unwrap();
        let opaque = |expires_in| expiry(&"opaque".into(), expires_in, now);

        assert_eq!(opaque(Some(86_400)), tomorrow);
        assert_eq!(opaque(Some(tomorrow.as_second())), tomorrow);
        assert_eq!(opaque(Some(-5)), now);
        assert!(opaque(Some(i64::MAX)) <= "2026-11-24T10:30:00Z".parse().unwrap());
        assert_eq!(opaque(None), now + SignedDuration::from_hours(1));
    }

    #[test]
    fn expiry_in_the_token_itself_takes_precedence_unless_it_has_passed() {
        let now: Timestamp = "2026-11-23T09:30:00Z".parse().unwrap();
        let of = |exp: Timestamp, expires_in| {
            let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{}}}"#, exp.as_second()));
            expiry(&format!("e30.{claims}.x").into(), expires_in, now)
        };
        let (before, after) = (
            now - SignedDuration::from_mins(5),
            now + SignedDuration::from_hours(2),
        );

        assert_eq!(of(after, None), after);
        assert_eq!(of(after, Some(86_400)), after);
        assert_eq!(
            of(before, Some(86_400)),
            now + SignedDuration::from_hours(24)
        );
    }

    #[test]
    fn debug_shows_no_token() {
        let grant = Grant {
            access: "SENTINEL".into(),
            ..grant(Some("SENTINEL"), None)
        };
        let tokens = grant.clone().into_tokens().unwrap();
        let stored = StoredTokens {
            generation: 1,
            tokens: tokens.clone(),
        };

        for shown in [
            format!("{grant:?}"),
            format!("{tokens:?}"),
            format!("{stored:?}"),
        ] {
            assert!(!shown.contains("SENTINEL"), "{shown}");
        }
    }
}
