//! A client of the stack's own public form endpoint, over the Internet.

use serde_json::json;

use super::http::Http;
use crate::domain::email::EmailAddress;
use crate::domain::ids::FormId;
use crate::ports::{FormEndpoint, StoreError};

/// The longest answer read, in bytes.
const LIMIT: usize = 16 * 1024;

/// The endpoint's client.
#[derive(Debug, Clone)]
pub struct HttpFormEndpoint {
    http: Http,
    base: String,
}

impl HttpFormEndpoint {
    /// The forms under a base URL without a closing slash.
    #[must_use]
    pub fn new(http: Http, base: String) -> Self {
        Self { http, base }
    }
}

impl FormEndpoint for HttpFormEndpoint {
    async fn post(&self, form: &FormId, email: &EmailAddress, key: &str) -> Result<(), StoreError> {
        let request = self
            .http
            .client()
            .post(format!("{}/f/{form}", self.base))
            .header("accept", "application/json")
            .header("idempotency-key", key)
            .json(&json!({"email": email.as_str(), "consent": {"given": true}}));
        let request = request
            .build()
            .map_err(|error| StoreError::new(error.without_url()))?;
        let answer = self.http.call(request, LIMIT).await;
        let answer = answer.map_err(|_| StoreError::new("the form endpoint did not answer"))?;
        match answer.status {
            202 => Ok(()),
            status => Err(StoreError::new(format!(
                "the form endpoint answered {status}"
            ))),
        }
    }
}
