//! Errors of the Constant Contact API: what each answer means for the lead, and what is to blame.

mod refusal;

use jiff::SignedDuration;

pub use self::refusal::{Blame, OptionalField, Refusal};
use super::budget::Pause;
use super::email::EmailAddress;

/// The longest requested pause that is honoured: after it we call again, even if more was requested.
const MAX_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// How much of a requested pause is honoured: no less than the pause after an answer that requests none.
#[must_use]
pub fn clamp_retry_after(requested: SignedDuration, default: SignedDuration) -> SignedDuration {
    requested.clamp(default, MAX_RETRY_AFTER)
}

/// An answer of the API other than success, sorted by what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrmError {
    /// 400: this lead is not accepted as it is.
    #[error("refused")]
    Invalid(Refusal),
    /// 401: the token.
    #[error("unauthorized")]
    Unauthorized,
    /// 403: a scope, the user's privilege or the application; the status does not tell which.
    #[error("forbidden")]
    Forbidden,
    /// 404: the list, or whatever else the call named, is gone.
    #[error("not found")]
    NotFound(Refusal),
    /// 409: two calls changed one contact at the same time, or the resource already exists.
    #[error("conflict")]
    Conflict(Refusal),
    /// 429 `throttled`: this second is full, or the API said how long no calls may be made.
    #[error("throttled")]
    Throttled {
        /// How long no calls are made.
        retry_after: SignedDuration,
    },
    /// 429 `quota_exceeded`: this UTC day is full.
    #[error("the day's quota is spent")]
    QuotaExceeded,
    /// 405, 406, 415, a 403 of the gateway or of a firewall, and whatever else only a mistake of ours can cause.
    #[error("the API answered {0} to a call of ours")]
    BadRequest(u16),
    /// A connection that failed before the request left; for a call that only reads, also a 5xx or an unreadable
    /// answer: nothing has changed.
    #[error("the API is not available")]
    Unavailable,
    /// The request left, but its answer was lost or is a 5xx: it may have taken effect.
    #[error("the answer was lost")]
    AnswerLost,
}

impl CrmError {
    /// 429 `throttled` that does not say how long.
    pub const THROTTLED: Self = Self::Throttled {
        retry_after: SignedDuration::from_secs(1),
    };

    /// How long no calls are made after it.
    #[must_use]
    pub fn pause(&self) -> Option<Pause> {
        match self {
            Self::Throttled { retry_after } => Some(Pause::For(*retry_after)),
            Self::QuotaExceeded => Some(Pause::Day),
            _ => None,
        }
    }

    /// The same, if the API asked for a pause of this length.
    #[must_use]
    pub fn with_retry_after(self, requested: SignedDuration) -> Self {
        match self {
            Self::Throttled { retry_after } => Self::Throttled {
                retry_after: clamp_retry_after(requested, retry_after),
            },
            other => other,
        }
    }

    /// Classifies an answer by its status and body. Bodies come as an array or an object of `error_key` and
    /// `error_message`, as the gateway's `message`, as HTML or as nothing at all.
    #[must_use]
    pub fn classify(status: u16, body: &[u8]) -> Self {
        let refusal = Refusal::read(body);
        match status {
            400 => Self::Invalid(refusal),
            401 => Self::Unauthorized,
            // Not worded by the API: the gateway or a firewall before it did not like this one call.
            403 if refusal.key.is_empty() => Self::BadRequest(403),
            403 => Self::Forbidden,
            404 => Self::NotFound(refusal),
            409 => Self::Conflict(refusal),
            429 if refusal.key == "quota_exceeded" => Self::QuotaExceeded,
            429 => Self::THROTTLED,
            300..=499 => Self::BadRequest(status),
            _ => Self::Unavailable,
        }
    }
}

impl CrmError {
    /// Everything that the API finds wrong with a lead of this address; nothing if the lead is not at fault.
    #[must_use]
    pub fn blames(&self, email: &EmailAddress) -> Vec<Blame> {
        match self {
            Self::Invalid(refusal) => refusal.blames(email),
            Self::NotFound(_) => vec![Blame::List],
            _ => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_exceeded_and_throttled_429s_differ_and_an_unknown_429_is_throttled() {
        let of = |body: &str| CrmError::classify(429, body.as_bytes());

        assert_eq!(
            of(r#"{"error_key":"quota_exceeded","error_message":"Limit Exceeded"}"#),
            CrmError::QuotaExceeded
        );
        assert_eq!(
            of(r#"{"error_key":"throttled","error_message":"Too Many Requests"}"#),
            CrmError::THROTTLED
        );
        assert_eq!(of(""), CrmError::THROTTLED);
    }

    #[test]
    fn throttle_retry_after_is_clamped_between_one_second_and_one_hour() {
        for (requested, honoured) in [(-5, 1), (0, 1), (7, 7), (9_999, 3_600), (i64::MAX, 3_600)] {
            let retry_after = SignedDuration::from_secs(honoured);
            let throttled =
                CrmError::THROTTLED.with_retry_after(SignedDuration::from_secs(requested));
            assert_eq!(
                throttled,
                CrmError::Throttled { retry_after },
                "{requested}"
            );
        }
        let other = CrmError::QuotaExceeded.with_retry_after(SignedDuration::from_secs(7));
        assert_eq!(other, CrmError::QuotaExceeded);
    }

    #[test]
    fn answers_are_classified_by_status_and_body() {
        assert_eq!(CrmError::classify(401, b""), CrmError::Unauthorized);
        let api_body = br#"{"error_key":"forbidden","error_message":"Forbidden"}"#;
        assert_eq!(CrmError::classify(403, api_body), CrmError::Forbidden);
        for gateway_body in ["", "\n<html>", r#"{"message":"Forbidden"}"#] {
            let answer = CrmError::classify(403, gateway_body.as_bytes());
            assert_eq!(answer, CrmError::BadRequest(403), "{gateway_body}");
        }
        assert_eq!(CrmError::classify(415, b""), CrmError::BadRequest(415));
        assert_eq!(CrmError::classify(302, b""), CrmError::BadRequest(302));
        assert_eq!(CrmError::classify(503, b"<html>"), CrmError::Unavailable);
        assert!(matches!(
            CrmError::classify(404, b"[]"),
            CrmError::NotFound(_)
        ));
    }
}
