//! Authentication of the operator by admin tokens.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::locked;
use crate::ports::{AdminTokens, StoreError, causes};

/// How often, at most, an unknown token causes the secret to be read again.
const READ_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// How long what was read is trusted for a known token: one that was removed from the secret is refused after that.
const KNOWN_FOR: SignedDuration = SignedDuration::from_mins(5);

/// The admin tokens that are valid now. The secret's previous value is valid too, and each value may hold several
/// tokens, so that an operator can change over without a gap.
pub struct AdminAuth<T> {
    store: T,
    known: Mutex<Known>,
}

/// Tokens as digests, and when they were read.
struct Known {
    digests: Vec<[u8; 32]>,
    read_at: Timestamp,
}

/// Why nobody could ever be let in.
#[derive(Debug, thiserror::Error)]
pub enum AdminAuthError {
    /// The secret holds no token.
    #[error("the admin secret holds no token")]
    Empty,
    /// The secret could not be read.
    #[error("the admin secret could not be read")]
    Store(#[from] StoreError),
}

impl<T: AdminTokens> AdminAuth<T> {
    /// Reads the secret.
    ///
    /// # Errors
    /// [`AdminAuthError`].
    pub async fn read(store: T, now: Timestamp) -> Result<Self, AdminAuthError> {
        let digests = digests(&store.secrets().await?);
        if digests.is_empty() {
            return Err(AdminAuthError::Empty);
        }
        let known = Mutex::new(Known {
            digests,
            read_at: now,
        });
        Ok(Self { store, known })
    }

    /// Whether an `Authorization` header (RFC 6750) bears one of the tokens. An unknown one may be new, so the secret
    /// is read again for it, at most once a minute. A known one may have been removed, so the secret is read again
    /// every five minutes. If it cannot be read, what was read before stands.
    pub async fn is_authorized(&self, authorization: &str, now: Timestamp) -> bool {
        let good_for = if self.knows(authorization) {
            KNOWN_FOR
        } else {
            READ_EVERY
        };
        if self.is_time_to_read(now, good_for) {
            self.read_again().await;
        }
        self.knows(authorization)
    }

    async fn read_again(&self) {
        match self.store.secrets().await {
            Ok(secrets) => {
                let digests = digests(&secrets);
                if digests.is_empty() {
                    tracing::error!("the admin secret has no token any more");
                }
                locked(&self.known).digests = digests;
            }
            Err(error) => tracing::error!(
                error = %causes(&error),
                "the admin secret could not be read again"
            ),
        }
    }

    /// Takes the same time whichever token matches, if any.
    fn knows(&self, authorization: &str) -> bool {
        let (scheme, token) = authorization.split_once(' ').unwrap_or_default();
        let given = digest(token.trim());
        let good = |any, known: &[u8; 32]| any | known.ct_eq(&given);
        let known = locked(&self.known);
        let known = known.digests.iter().fold(Choice::from(0), good);
        scheme.eq_ignore_ascii_case("bearer") && bool::from(known)
    }

    fn is_time_to_read(&self, now: Timestamp, good_for: SignedDuration) -> bool {
        let mut known = locked(&self.known);
        let due = now.duration_since(known.read_at) >= good_for;
        if due {
            known.read_at = now;
        }
        due
    }
}

/// The tokens in the secret's values: a single token, one per line, or a JSON list.
fn digests(secrets: &[SecretString]) -> Vec<[u8; 32]> {
    let tokens = secrets.iter().flat_map(|secret| {
        let text = secret.expose_secret();
        let list: Result<Vec<String>, _> = serde_json::from_str(text);
        list.unwrap_or_else(|_| text.lines().map(str::to_owned).collect())
    });
    let tokens = tokens.map(|token| token.trim().to_owned());
    let tokens = tokens.filter(|token| !token.is_empty());
    tokens.map(|token| digest(&token)).collect()
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{Fault, Faults, MemoryTokens};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    async fn is_accepted(secret: &str, authorization: &str) -> bool {
        let store = MemoryTokens::new(&Faults::default(), &[secret]);
        let auth = AdminAuth::read(store, at(0)).await.unwrap();
        auth.is_authorized(authorization, at(0)).await
    }

    #[tokio::test]
    async fn every_token_in_the_secret_is_accepted_and_nothing_else() {
        for secret in ["old\nnew\n", " old \r\n new ", r#"["old","new"]"#] {
            assert!(is_accepted(secret, "Bearer old").await, "{secret}");
            assert!(is_accepted(secret, "bearer  new").await, "{secret}");
            for bad in [
                "",
                "old",
                "Bearer",
                "Bearer ",
                "Basic old",
                "Bearer ol",
                "Bearer old new",
            ] {
                assert!(!is_accepted(secret, bad).await, "{secret}: {bad}");
            }
        }
    }

    #[tokio::test]
    async fn reading_a_secret_without_tokens_fails() {
        for secret in ["", " \n ", "[]", r#"[""]"#] {
            let store = MemoryTokens::new(&Faults::default(), &[secret]);
            assert!(AdminAuth::read(store, at(0)).await.is_err(), "{secret}");
        }
    }

    #[tokio::test]
    async fn new_token_is_accepted_within_a_minute_and_old_one_until_the_next_read() {
        let faults = Faults::default();
        let store = MemoryTokens::new(&faults, &["old"]);
        let auth = AdminAuth::read(store.clone(), at(0)).await.unwrap();
        store.set(&["new", "old"]);

        assert!(!auth.is_authorized("Bearer new", at(59)).await);
        assert!(auth.is_authorized("Bearer new", at(60)).await);
        assert!(auth.is_authorized("Bearer old", at(60)).await);

        store.set(&["newest", "new"]);
        assert!(
            auth.is_authorized("Bearer old", at(90)).await,
            "accepted until the next read"
        );
        assert!(auth.is_authorized("Bearer newest", at(120)).await);
        assert!(!auth.is_authorized("Bearer old", at(121)).await);
    }

    #[tokio::test]
    async fn removed_token_is_rejected_after_five_minutes_and_failed_reread_keeps_tokens() {
        let faults = Faults::default();
        let store = MemoryTokens::new(&faults, &["leaked"]);
        let auth = AdminAuth::read(store.clone(), at(0)).await.unwrap();
        store.set(&["new", "new"]);

        assert!(auth.is_authorized("Bearer leaked", at(299)).await);
        assert!(!auth.is_authorized("Bearer leaked", at(300)).await);
        assert!(auth.is_authorized("Bearer new", at(300)).await);

        faults.next(Fault::FailBefore);
        assert!(
            auth.is_authorized("Bearer new", at(600)).await,
            "a failed read keeps the known tokens"
        );
    }

    #[tokio::test]
    async fn emptied_secret_revokes_every_token() {
        let store = MemoryTokens::new(&Faults::default(), &["leaked"]);
        let auth = AdminAuth::read(store.clone(), at(0)).await.unwrap();
        store.set(&[""]);

        assert!(!auth.is_authorized("Bearer leaked", at(300)).await);
        assert!(!auth.is_authorized("Bearer ", at(300)).await);
    }

    #[tokio::test]
    async fn guessing_tokens_reads_the_secret_once_a_minute_and_locks_nobody_out() {
        let faults = Faults::default();
        let store = MemoryTokens::new(&faults, &["old"]);
        let auth = AdminAuth::read(store, at(0)).await.unwrap();

        for second in 0..600 {
            auth.is_authorized("Bearer guess", at(second)).await;
        }
        assert_eq!(faults.steps(), 10);

        faults.next(Fault::FailBefore);
        assert!(!auth.is_authorized("Bearer guess", at(1_000)).await);
        assert!(auth.is_authorized("Bearer old", at(1_000)).await);
    }
}
