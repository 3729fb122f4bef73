//! An OAuth authorization under way, between our redirect and the callback.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::ids::{AppId, CustomerId};

/// How long a person has to sign in and decide.
pub const OPEN_FOR: SignedDuration = SignedDuration::from_mins(10);

/// What we need when the browser comes back. Stored under the fingerprint of its random `state` (RFC 6749 section
/// 10.12) and taken out once.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// Who connects.
    pub customer: CustomerId,
    /// With which application.
    pub app: AppId,
    /// Fingerprint of the cookie of the browser that started.
    pub browser: String,
    /// PKCE verifier (RFC 7636), if PKCE is switched on.
    pub verifier: Option<SecretString>,
    /// When it expires.
    pub expires_at: Timestamp,
}
