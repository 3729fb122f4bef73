//! The one HTTP client: to Constant Contact, to the providers of captchas, and under the AWS SDK.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Request, Response};
use rustls::{ClientConfig, RootCertStore};

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// To connect.
    pub connect: Duration,
    /// From beginning to end.
    pub total: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            total: Duration::from_secs(12),
        }
    }
}

/// How long a connection is kept without a call. A frozen function wakes to connections that are long dead.
const IDLE: Duration = Duration::from_secs(15);

/// One pool of connections. Follows no redirect and no proxy.
///
/// A call that finds its kept connection closed before any byte of it was written is made again on a new one; a
/// call of which a byte has left is made once.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    total: Duration,
}

/// What came back. The body is `None` where it broke off or was longer than it may be.
pub(in crate::adapters) struct Answer {
    pub(in crate::adapters) status: u16,
    pub(in crate::adapters) content_type: Option<HeaderValue>,
    /// `Retry-After`, where it is in seconds.
    pub(in crate::adapters) retry_after: Option<SignedDuration>,
    pub(in crate::adapters) body: Option<Vec<u8>>,
}

/// No answer came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::adapters) enum Lost {
    /// The request never left.
    Before,
    /// It did, and may have had its effect.
    After,
}

impl Http {
    /// A client with no connection yet.
    ///
    /// # Errors
    /// Where TLS cannot be had.
    pub fn new(deadlines: Deadlines) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls())
            .user_agent(concat!("leadfeed/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(deadlines.connect)
            .timeout(deadlines.total)
            .pool_idle_timeout(IDLE)
            .build()?;
        Ok(Self {
            client,
            total: deadlines.total,
        })
    }

    pub(in crate::adapters) fn client(&self) -> &Client {
        &self.client
    }

    /// What comes of several calls, or `None` where they take longer together than one may.
    pub(in crate::adapters) async fn in_the_time_of_one<T>(
        &self,
        calls: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::time::timeout(self.total, calls).await.ok()
    }

    /// Makes a call and reads up to `limit` bytes of its answer.
    pub(in crate::adapters) async fn call(
        &self,
        request: Request,
        limit: usize,
    ) -> Result<Answer, Lost> {
        let response = self.client.execute(request).await.map_err(|error| {
            let lost = if error.is_connect() || error.is_builder() {
                Lost::Before
            } else {
                Lost::After
            };
            let timeout = error.is_timeout();
            tracing::warn!(error = %error.without_url(), timeout, ?lost, "no answer");
            lost
        })?;
        let request_id = response.headers().get("x-amzn-requestid");
        let status = response.status().as_u16();
        tracing::debug!(http.status = status, cc.request_id = ?request_id, "answer");
        Ok(Answer {
            status,
            content_type: response.headers().get(CONTENT_TYPE).cloned(),
            retry_after: response.headers().get(RETRY_AFTER).and_then(seconds),
            body: read(response, limit).await,
        })
    }
}

/// The roots that browsers trust, as they are in the program: those of the machine would be read and parsed at every
/// start.
fn tls() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has what both versions of TLS ask for")
        .with_root_certificates(roots.collect::<RootCertStore>())
        .with_no_client_auth()
}

fn seconds(value: &HeaderValue) -> Option<SignedDuration> {
    let seconds = value.to_str().ok()?.trim().parse().ok()?;
    Some(SignedDuration::from_secs(seconds))
}

async fn read(mut response: Response, limit: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > limit {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}
