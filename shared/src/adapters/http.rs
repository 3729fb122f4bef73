//! The one HTTP client: for Constant Contact, captcha providers and the AWS SDK.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Request, Response};
use rustls::{ClientConfig, RootCertStore};
use url::Url;

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub struct HttpTimeouts {
    /// The limit for connecting.
    pub connect: Duration,
    /// The limit for the whole call.
    pub total: Duration,
}

impl Default for HttpTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            total: Duration::from_secs(12),
        }
    }
}

/// How long a connection is kept without a call. When a frozen function wakes, its connections are long dead.
const IDLE: Duration = Duration::from_secs(15);

/// The header with the id by which AWS, and Constant Contact, can find a call.
const REQUEST_ID: &str = "x-amzn-requestid";

/// One pool of connections. Follows no redirect and uses no proxy.
///
/// A call whose pooled connection was closed before any byte was written is repeated on a new one; a call of which a
/// byte was sent is made once.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    /// The limit for the whole call.
    pub(in crate::adapters) total: Duration,
}

/// An HTTP answer. The body is `None` if it broke off or was too long.
pub(in crate::adapters) struct Answer {
    pub(in crate::adapters) status: u16,
    pub(in crate::adapters) content_type: Option<HeaderValue>,
    /// `Retry-After`, if it is in seconds.
    pub(in crate::adapters) retry_after: Option<SignedDuration>,
    pub(in crate::adapters) body: Option<Vec<u8>>,
}

/// No answer was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::adapters) enum Lost {
    /// The request was never sent.
    Before,
    /// It was sent, and may have had its effect.
    After,
}

impl Http {
    /// A client with no connection yet.
    ///
    /// # Errors
    /// If TLS is not available.
    pub fn new(deadlines: HttpTimeouts) -> Result<Self, reqwest::Error> {
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

    /// Makes a call and reads up to `limit` bytes of its answer.
    pub(in crate::adapters) async fn call(
        &self,
        request: Request,
        limit: usize,
    ) -> Result<Answer, Lost> {
        let called = Called {
            method: request.method().clone(),
            url: request.url().clone(),
        };
        let response = self.client.execute(request).await.map_err(|error| {
            let lost = if error.is_connect() || error.is_builder() {
                Lost::Before
            } else {
                Lost::After
            };
            let (method, route) = (&called.method, called.route());
            let timeout = error.is_timeout();
            tracing::warn!(http.method = %method, http.route = route, error = %error.without_url(), timeout, ?lost, "no answer");
            lost
        })?;
        called.log(&response);
        Ok(Answer {
            status: response.status().as_u16(),
            content_type: response.headers().get(CONTENT_TYPE).cloned(),
            retry_after: response.headers().get(RETRY_AFTER).and_then(seconds),
            body: read(response, limit).await,
        })
    }
}

/// A call that was made.
struct Called {
    method: Method,
    url: Url,
}

impl Called {
    /// Logs an unsuccessful answer, with the id of the call if it has one. That something does not exist, or exists
    /// already, is mostly what the call was to find out.
    fn log(&self, response: &Response) {
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return;
        }
        let (method, route) = (&self.method, self.route());
        let id = response.headers().get(REQUEST_ID);
        let id = id.and_then(|id| id.to_str().ok());
        if matches!(status, 404 | 409) {
            tracing::info!(http.method = %method, http.route = route, http.status = status, cc.request_id = id, "answered");
        } else {
            tracing::warn!(http.method = %method, http.route = route, http.status = status, cc.request_id = id, "not answered by a success");
        }
    }

    /// The path without its ids, and without the query, which may hold an address.
    fn route(&self) -> String {
        let is_word = |part: &str| {
            let digits = part.chars().filter(char::is_ascii_digit).count();
            let is_sign = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            digits <= 1 && part.chars().all(is_sign)
        };
        let parts = self.url.path().split('/');
        let parts = parts.map(|part| if is_word(part) { part } else { "{id}" });
        parts.collect::<Vec<_>>().join("/")
    }
}

/// The root certificates that browsers trust, compiled in: those of the machine would be read and parsed at every
/// start.
fn tls() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports both versions of TLS")
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::app::log::Log;

    fn route(url: &str) -> String {
        let (method, url) = (Method::GET, url.parse().unwrap());
        Called { method, url }.route()
    }

    #[test]
    fn route_contains_no_ids_and_no_query() {
        for (url, expected) in [
            (
                "https://a.example/v3/contacts?email=ada%40example.com",
                "/v3/contacts",
            ),
            (
                "https://a.example/v3/contacts/5e7b1a1c-0000-11ee-8c99-0242ac120002",
                "/v3/contacts/{id}",
            ),
            (
                "https://a.example/oauth2/default/v1/token",
                "/oauth2/default/v1/token",
            ),
            (
                "https://a.example/f/form_01ARZ3NDEKTSV4RRFFQ69G5FAV",
                "/f/{id}",
            ),
            ("https://a.example/ada@example.com/a1b2", "/{id}/{id}"),
        ] {
            assert_eq!(route(url), expected, "{url}");
        }
    }

    /// A server that answers with these statuses, one each.
    fn server(statuses: &[u16]) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let statuses = statuses.to_vec();
        thread::spawn(move || {
            for status in statuses {
                let (mut stream, _) = listener.accept().unwrap();
                assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
                let head = format!(
                    "HTTP/1.1 {status} Said\r\nx-amzn-requestid: req-{status}\r\nconnection: close\r\n"
                );
                let answer = format!("{head}content-length: 8\r\n\r\nSentinel");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        format!("http://127.0.0.1:{port}/v3/contacts?email=sentinel%40example.com")
            .parse()
            .unwrap()
    }

    #[tokio::test]
    async fn unsuccessful_answer_is_logged_with_its_request_id_and_no_personal_data() {
        let statuses = [201, 403, 409, 503];
        let url = server(&statuses);
        let http = Http::new(HttpTimeouts::default()).unwrap();
        let log = Log::begin();

        for status in statuses {
            let request = http.client().get(url.clone()).bearer_auth("sentinel");
            let answer = http.call(request.build().unwrap(), 100).await;
            assert_eq!(answer.map(|answer| answer.status), Ok(status));
        }

        let log = log.text();
        let lines = log.lines().filter(|line| line.contains("cc.request_id"));
        let lines: Vec<_> = lines.collect();
        let [forbidden, conflict, unavailable] = &lines[..] else {
            panic!("{log}")
        };
        for (line, level, status) in [
            (forbidden, "WARN", 403),
            (conflict, "INFO", 409),
            (unavailable, "WARN", 503),
        ] {
            let id = format!("req-{status}");
            let (_, message) = line.split_once(level).unwrap(); // after the time, whose digits may look like a status
            for part in ["GET", "\"/v3/contacts\"", &id] {
                assert!(message.contains(part), "{part}: {line}");
            }
            let occurrences = message.matches(&status.to_string()).count();
            assert_eq!(occurrences, 2, "in the status and in the id: {line}");
        }
        let own = log.lines().filter(|line| line.contains("leadfeed_shared"));
        for line in own {
            assert!(!line.to_lowercase().contains("sentinel"), "{line}");
        }
    }
}
