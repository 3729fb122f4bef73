//! Who the operator is: whoever bears one of the admin tokens.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// The admin tokens that are good now, as digests. Two at once let an operator change over.
pub struct Operators(Vec<[u8; 32]>);

/// The secret holds no token: nobody could ever be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the admin secret holds no token")]
pub struct NoToken;

impl Operators {
    /// Reads the secret: one token, several on a line each, or a JSON list of them.
    ///
    /// # Errors
    /// [`NoToken`].
    pub fn parse(secret: &SecretString) -> Result<Self, NoToken> {
        let text = secret.expose_secret();
        let tokens: Vec<String> = serde_json::from_str(text)
            .unwrap_or_else(|_| text.lines().map(str::to_owned).collect());
        let tokens = tokens.iter().map(|token| token.trim());
        let digests: Vec<_> = tokens
            .filter(|token| !token.is_empty())
            .map(digest)
            .collect();
        if digests.is_empty() {
            return Err(NoToken);
        }
        Ok(Self(digests))
    }

    /// Whether an `Authorization` header (RFC 6750) bears one of the tokens. Takes the same time whichever, if any.
    #[must_use]
    pub fn admit(&self, authorization: &str) -> bool {
        let (scheme, token) = authorization.split_once(' ').unwrap_or_default();
        let given = digest(token.trim());
        let good = |any, known: &[u8; 32]| any | known.ct_eq(&given);
        let known = self.0.iter().fold(Choice::from(0), good);
        scheme.eq_ignore_ascii_case("bearer") && bool::from(known)
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(secret: &str, authorization: &str) -> bool {
        Operators::parse(&secret.into())
            .unwrap()
            .admit(authorization)
    }

    #[test]
    fn each_token_of_the_secret_is_good_and_nothing_else() {
        for secret in ["old\nnew\n", " old \r\n new ", r#"["old","new"]"#] {
            assert!(admits(secret, "Bearer old"), "{secret}");
            assert!(admits(secret, "bearer  new"), "{secret}");
            for bad in [
                "",
                "old",
                "Bearer",
                "Bearer ",
                "Basic old",
                "Bearer ol",
                "Bearer old new",
            ] {
                assert!(!admits(secret, bad), "{secret}: {bad}");
            }
        }
    }

    #[test]
    fn a_secret_without_a_token_lets_nobody_in() {
        for secret in ["", " \n ", "[]", r#"[""]"#] {
            assert!(Operators::parse(&secret.into()).is_err(), "{secret}");
        }
    }
}
