//! Captcha verification with the providers' common protocol: a form post of secret and answer, and JSON that says
//! whether it passed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::http::{Http, HttpTimeouts};
use super::secrets::Secrets;
use crate::domain::captcha::Captcha;
use crate::domain::ids::FormId;
use crate::locked;
use crate::ports::{CaptchaCheck, CaptchaOutcome, CaptchaSecrets, StoreError};

/// The longest answer read, in bytes.
const LIMIT: usize = 16 * 1024;

/// The error codes of hCaptcha and Google for a secret that does not belong to the site key.
const MISMATCHES: [&str; 2] = ["sitekey-secret-mismatch", "invalid-keys"];

/// A person waits for the answer: short enough that there is still time to keep the lead.
const DEADLINES: HttpTimeouts = HttpTimeouts {
    connect: Duration::from_millis(1_500),
    total: Duration::from_secs(4),
};

/// Checks answers with their providers. The HTTP client is made when the first form needs a check: most never do.
#[derive(Debug, Clone)]
pub struct SiteVerify {
    secrets: Secrets,
    base: Option<Url>,
    http: Arc<OnceLock<Http>>,
    known: Arc<Mutex<Known>>,
}

/// Secrets by form and site key: another site key has another secret.
type Known = HashMap<(FormId, String), SecretString>;

/// The parts of a provider's answer that matter.
#[derive(Deserialize)]
struct Verdict {
    success: bool,
    #[serde(default, rename = "error-codes")]
    errors: Vec<String>,
}

impl SiteVerify {
    /// The longest wait for a provider.
    pub const TIMEOUT: Duration = DEADLINES.total;

    /// With the secrets under a prefix. `base`, if given, replaces all providers.
    #[must_use]
    pub fn new(client: Client, prefix: String, base: Option<Url>) -> Self {
        Self {
            secrets: Secrets::new(client, prefix),
            base,
            http: Arc::default(),
            known: Arc::default(),
        }
    }

    async fn secret(&self, of: &(FormId, String)) -> Result<SecretString, StoreError> {
        let known = locked(&self.known).get(of).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let name = name(&of.0);
        let secret = self.secrets.read(&name).await?;
        let secret = secret.ok_or_else(|| StoreError::new(format!("{name} has no value")))?;
        locked(&self.known).insert(of.clone(), secret.clone());
        Ok(secret)
    }

    fn http(&self) -> Result<Http, StoreError> {
        if let Some(http) = self.http.get() {
            return Ok(http.clone());
        }
        let made = Http::new(DEADLINES).map_err(StoreError::new)?;
        Ok(self.http.get_or_init(|| made).clone())
    }
}

impl CaptchaCheck for SiteVerify {
    async fn check(
        &self,
        form: &FormId,
        captcha: &Captcha,
        answer: &str,
    ) -> Result<CaptchaOutcome, StoreError> {
        let of = (form.clone(), captcha.site_key.clone());
        let secret = self.secret(&of).await?;
        let url = self.base.clone().map_or_else(
            || {
                captcha
                    .provider
                    .check_url()
                    .parse()
                    .map_err(StoreError::new)
            },
            Ok,
        )?;
        let http = self.http()?;
        // Without the visitor's IP address, which providers do not need.
        let fields = [("secret", secret.expose_secret()), ("response", answer)];
        let request = http.client().post(url).form(&fields).build();
        let request = request.map_err(|error| StoreError::new(error.without_url()))?;
        let answered = http.call(request, LIMIT).await;
        let answered = answered.map_err(|_| StoreError::new("the provider did not answer"))?;
        let (status, body) = (answered.status, answered.body.unwrap_or_default());
        if status != 200 {
            let words = format!("the provider answered with status {status}");
            return Err(StoreError::new(words));
        }
        let verdict: Verdict = serde_json::from_slice(&body)
            .map_err(|_| StoreError::new("the provider's answer cannot be read"))?;
        if let Some(checked) = verdict.checked() {
            return Ok(checked);
        }
        locked(&self.known).remove(&of); // it may have been changed
        Err(StoreError::new(if verdict.refuses_secret() {
            "the provider does not take our secret"
        } else {
            "the provider could not check the answer"
        }))
    }
}

impl Verdict {
    /// What the verdict says about the person; `None` if it is about us or the provider.
    fn checked(&self) -> Option<CaptchaOutcome> {
        /// Codes that blame the answer. For any other code the person is not at fault.
        const ANSWER_CODES: [&str; 7] = [
            "missing-input-response",
            "invalid-input-response",
            "timeout-or-duplicate",
            "expired-input-response",
            "already-seen-response",
            "invalid-or-already-seen-response",
            "invalid-parsed-response",
        ];
        let blames_answer = |code: &String| ANSWER_CODES.contains(&code.as_str());
        match (self.success, self.errors.as_slice()) {
            (true, _) => Some(CaptchaOutcome::Passed),
            (false, []) => None,
            (false, errors) => errors
                .iter()
                .all(blames_answer)
                .then_some(CaptchaOutcome::Failed),
        }
    }

    /// Whether our secret is the problem.
    fn refuses_secret(&self) -> bool {
        let blames_secret =
            |code: &String| code.ends_with("-input-secret") || MISMATCHES.contains(&code.as_str());
        self.errors.iter().any(blames_secret)
    }
}

impl CaptchaSecrets for SiteVerify {
    async fn store_secret(&self, form: &FormId, secret: &SecretString) -> Result<(), StoreError> {
        self.secrets
            .write(&name(form), secret.expose_secret())
            .await
    }

    async fn delete_secret(&self, form: &FormId) -> Result<(), StoreError> {
        self.secrets.delete(&name(form)).await
    }
}

fn name(form: &FormId) -> String {
    format!("captcha/{form}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(json: &str) -> Verdict {
        serde_json::from_str(json).unwrap()
    }

    fn refusal(code: &str) -> Verdict {
        verdict(&format!(r#"{{"success":false,"error-codes":["{code}"]}}"#))
    }

    #[test]
    fn only_error_codes_about_the_answer_count_as_a_failed_captcha() {
        for code in [
            "invalid-input-response",
            "timeout-or-duplicate",
            "already-seen-response",
        ] {
            assert_eq!(
                refusal(code).checked(),
                Some(CaptchaOutcome::Failed),
                "{code}"
            );
        }
        for code in ["invalid-input-secret", "internal-error", "new-in-2030"] {
            assert_eq!(refusal(code).checked(), None, "{code}");
        }
        assert_eq!(verdict(r#"{"success":false}"#).checked(), None);
    }

    /// A high score means a human to one provider, and a robot to another.
    #[test]
    fn score_does_not_override_the_providers_verdict() {
        for score in ["0.05", "0.95"] {
            let scored = verdict(&format!(r#"{{"success":true,"score":{score}}}"#));

            assert_eq!(scored.checked(), Some(CaptchaOutcome::Passed), "{score}");
        }
    }

    #[test]
    fn only_error_codes_about_the_secret_are_blamed_on_it() {
        for code in [
            "missing-input-secret",
            "invalid-input-secret",
            "sitekey-secret-mismatch",
            "invalid-keys",
        ] {
            assert!(refusal(code).refuses_secret(), "{code}");
        }
        for code in ["internal-error", "bad-request", "timeout-or-duplicate"] {
            assert!(!refusal(code).refuses_secret(), "{code}");
        }
    }
}
