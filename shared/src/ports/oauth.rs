use std::future::Future;

use jiff::SignedDuration;
use secrecy::SecretString;

use crate::domain::budget::TOKEN_RETRY_AFTER;
use crate::domain::token::Grant;

/// Client id and secret of a Constant Contact application.
#[derive(Debug, Clone)]
pub struct AppCredentials {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub client_secret: SecretString,
}

/// What the token endpoint answered instead of a grant, sorted by what the caller does next. Never holds a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// `invalid_grant`: the code or refresh token is used, revoked, expired or unknown.
    #[error("the grant is not valid")]
    InvalidGrant,
    /// `invalid_client`: the application's id or secret.
    #[error("the application is not known")]
    InvalidClient,
    /// 429.
    #[error("the token endpoint is busy")]
    Throttled {
        /// How long no calls are made.
        retry_after: SignedDuration,
    },
    /// Any other answer, or a failure before the request left.
    #[error("the token endpoint is not available")]
    Unavailable,
    /// The request left and its answer was lost: a single-use token may be used up.
    #[error("the token endpoint's answer was lost")]
    AnswerLost,
}

impl TokenError {
    /// 429 that does not say how long.
    pub const THROTTLED: Self = Self::Throttled {
        retry_after: TOKEN_RETRY_AFTER,
    };
}

/// The token endpoint.
pub trait Authorization: Send + Sync {
    /// Exchanges a code.
    fn exchange(
        &self,
        app: &AppCredentials,
        code: &SecretString,
        verifier: Option<&SecretString>,
    ) -> impl Future<Output = Result<Grant, TokenError>> + Send;

    /// Exchanges a refresh token.
    fn refresh(
        &self,
        app: &AppCredentials,
        refresh_token: &SecretString,
    ) -> impl Future<Output = Result<Grant, TokenError>> + Send;
}
