//! Why the API refuses a call.

use crate::contract::Violation;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Invalid(String),
    /// The body breaks the contract; answered as [`Self::Invalid`], but distinguished in the journal.
    #[error("{0}")]
    BrokenContract(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Conflict(String),
    #[error("forbidden: {0:?}")]
    Forbidden(ForbiddenBecause),
    #[error("unauthorized")]
    Unauthorized,
    #[error("throttled")]
    Throttled,
    #[error("quota exceeded")]
    QuotaExceeded,
    #[error("the account has too many queued activities")]
    QueueFull,
    #[error("not JSON")]
    UnsupportedMediaType,
    #[error("no media type the API can answer in")]
    NotAcceptable,
}

/// The three causes of a 403; only the journal distinguishes them, the API does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForbiddenBecause {
    Scope,
    Privilege,
    AppDeactivated,
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Self::Invalid(violation.0)
    }
}
