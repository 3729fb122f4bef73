use std::future::Future;

use secrecy::SecretString;

use super::StoreError;
use crate::domain::captcha::Captcha;
use crate::domain::ids::FormId;

/// What a provider says about a captcha's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptchaOutcome {
    /// A person's.
    Passed,
    /// Wrong, too old, or used before.
    Failed,
}

/// The providers of captchas.
pub trait CaptchaCheck: Send + Sync {
    /// Asks whether an answer to a form's captcha is valid. One call, and an answer is valid for only one; an error is
    /// the provider's or ours, not the person's. A captcha with another site key has another secret.
    fn check(
        &self,
        form: &FormId,
        captcha: &Captcha,
        answer: &str,
    ) -> impl Future<Output = Result<CaptchaOutcome, StoreError>> + Send;
}

/// Where the secrets of captchas are kept.
pub trait CaptchaSecrets: Send + Sync {
    /// Stores a form's secret, replacing any stored before.
    fn store_secret(
        &self,
        form: &FormId,
        secret: &SecretString,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Deletes a form's secret; it is no error if there is none.
    fn delete_secret(&self, form: &FormId) -> impl Future<Output = Result<(), StoreError>> + Send;
}
