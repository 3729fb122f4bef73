use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};

use super::cell::Cell;
use super::faults::Faults;
use crate::domain::captcha::Captcha;
use crate::domain::ids::FormId;
use crate::ports::{CaptchaCheck, CaptchaOutcome, CaptchaSecrets, StoreError};

/// A provider that accepts the answers given to [`solve`](Self::solve), once each.
#[derive(Debug, Clone)]
pub struct MemoryCaptcha(Cell<Rows>);

#[derive(Debug, Default)]
struct Rows {
    secrets: BTreeMap<FormId, String>,
    accepted: Vec<String>,
}

impl MemoryCaptcha {
    /// One that accepts no answer.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        Self(Cell::new(faults))
    }

    /// Makes an answer acceptable.
    pub fn solve(&self, answer: &str) {
        self.0.with(|rows| rows.accepted.push(answer.to_owned()));
    }

    /// The secret stored for a form.
    #[must_use]
    pub fn secret(&self, form: &FormId) -> Option<String> {
        self.0.with(|rows| rows.secrets.get(form).cloned())
    }
}

impl CaptchaCheck for MemoryCaptcha {
    async fn check(
        &self,
        _: &FormId,
        _: &Captcha,
        answer: &str,
    ) -> Result<CaptchaOutcome, StoreError> {
        let check =
            |rows: &mut Rows| match rows.accepted.iter().position(|accepted| accepted == answer) {
                Some(index) => {
                    rows.accepted.swap_remove(index);
                    CaptchaOutcome::Passed
                }
                None => CaptchaOutcome::Failed,
            };
        self.0.step(check).await
    }
}

impl CaptchaSecrets for MemoryCaptcha {
    async fn store_secret(&self, form: &FormId, secret: &SecretString) -> Result<(), StoreError> {
        let (form, secret) = (form.clone(), secret.expose_secret().to_owned());
        let keep = |rows: &mut Rows| {
            rows.secrets.insert(form, secret);
        };
        self.0.step(keep).await
    }

    async fn delete_secret(&self, form: &FormId) -> Result<(), StoreError> {
        let forget = |rows: &mut Rows| {
            rows.secrets.remove(form);
        };
        self.0.step(forget).await
    }
}
