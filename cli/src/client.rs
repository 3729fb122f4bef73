//! An HTTP client of the admin API.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use url::{Host, Url};

use crate::args::Stack;

/// How often a read is tried if the stack is briefly unavailable.
const READ_TRIES: usize = 3;

/// The default and the longest pause between tries.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A client of one stack.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: SecretString,
}

/// An unsuccessful answer.
#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    /// The problem in the API's own words.
    words: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for ApiError {}

/// A client that follows no redirects and has timeouts.
pub fn http() -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(60))
        .user_agent(concat!("leadfeed/", env!("CARGO_PKG_VERSION")));
    Ok(builder.build()?)
}

impl Client {
    pub fn of(stack: &Stack) -> Result<Self> {
        let token = stack.token.clone();
        Ok(Self {
            http: http()?,
            base: address(&stack.url)?,
            token: token.context("no admin token: set LEADFEED_TOKEN")?,
        })
    }

    /// The URL for these path segments. Refuses one that could be read as none or as several.
    pub fn at(&self, segments: &[&str]) -> Result<Url> {
        if let Some(other) = segments.iter().find(|segment| !is_name(segment)) {
            bail!("{other:?} is not a valid ID: use only letters, digits, `-` and `_`");
        }
        let mut url = self.base.clone();
        let path = url.path_segments_mut().ok();
        path.context("the address of the stack has no path")?
            .pop_if_empty()
            .push("v1")
            .extend(segments);
        Ok(url)
    }

    pub async fn get(&self, url: &Url) -> Result<Value> {
        read(succeeded(self.get_with_retries(url).await?).await?).await
    }

    /// The budget of an application.
    pub async fn budget(&self, app: &str) -> Result<Value> {
        let mut url = self.at(&["budget"])?;
        url.query_pairs_mut().append_pair("app_id", app);
        self.get(&url).await
    }

    /// A resource that may not exist.
    pub async fn find(&self, url: &Url) -> Result<Option<Value>> {
        let answer = self.get_with_retries(url).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        read(succeeded(answer).await?).await.map(Some)
    }

    /// A call that has to succeed; returns its answer.
    pub async fn send(&self, method: Method, url: &Url, body: Option<Value>) -> Result<Value> {
        read(self.ask(method, url, body).await?).await
    }

    /// A change, in which a `null` is meaningful.
    pub async fn change(&self, url: &Url, change: Value) -> Result<Value> {
        let answer = self.request(Method::PATCH, url, Some(change)).await?;
        read(succeeded(answer).await?).await
    }

    /// A call that has to succeed; its body is not read. Any other answer is an [`ApiError`].
    pub async fn ask(&self, method: Method, url: &Url, body: Option<Value>) -> Result<Response> {
        let body = body.map(crate::without_nulls);
        succeeded(self.request(method, url, body).await?).await
    }

    /// Reads something, with retries after short failures, so that these do not end anybody's work. Files are not read
    /// in this way: requesting one marks its leads.
    async fn get_with_retries(&self, url: &Url) -> Result<Response> {
        for _ in 1..READ_TRIES {
            let answer = self.send_once(Method::GET, url, None).await;
            let Some(pause) = pause_after(&answer) else {
                return reached(answer);
            };
            tokio::time::sleep(pause).await;
        }
        self.request(Method::GET, url, None).await
    }

    async fn request(&self, method: Method, url: &Url, body: Option<Value>) -> Result<Response> {
        reached(self.send_once(method, url, body).await)
    }

    async fn send_once(
        &self,
        method: Method,
        url: &Url,
        body: Option<Value>,
    ) -> reqwest::Result<Response> {
        let request = self.http.request(method, url.clone());
        let mut request = request
            .bearer_auth(self.token.expose_secret())
            .header("accept", "application/json");
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await
    }

    /// A page of a listing: the first, or the one at a cursor.
    pub async fn page(&self, url: &Url, cursor: Option<&str>) -> Result<Value> {
        let mut page = url.clone();
        if let Some(cursor) = cursor {
            page.query_pairs_mut().append_pair("cursor", cursor);
        }
        self.get(&page).await
    }

    /// Every customer.
    pub async fn customers(&self) -> Result<Value> {
        let mut url = self.at(&["customers"])?;
        url.query_pairs_mut().append_pair("limit", "100");
        self.all(&url, "customers", usize::MAX).await
    }

    /// The members of `list` on all pages.
    pub async fn all(&self, url: &Url, list: &str, most: usize) -> Result<Value> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.page(url, cursor.as_deref()).await?;
            all.extend(page[list].as_array().cloned().unwrap_or_default());
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() || all.len() >= most {
                all.truncate(most);
                return Ok(Value::Array(all));
            }
        }
    }
}

/// The address of a stack, if the token may be sent there.
fn address(url: &str) -> Result<Url> {
    if url.is_empty() {
        bail!("no address: pass --url or set LEADFEED_URL");
    }
    let Some(parsed) = Url::parse(url).ok().filter(Url::has_host) else {
        bail!("{url} is not the address of a stack");
    };
    if !is_private(&parsed) {
        bail!("{url} is not https, and the admin token must not travel in the clear");
    }
    Ok(parsed)
}

/// Whether nobody on the way to an address can read a token that is sent there.
pub fn is_private(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Whether a segment is a name that stays one segment however often a path is decoded on its way.
fn is_name(segment: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(is_plain)
}

fn reached(answer: reqwest::Result<Response>) -> Result<Response> {
    let answer = answer.map_err(reqwest::Error::without_url);
    answer.context("cannot reach the stack")
}

/// The pause before a retry, if the failure may be brief. A timeout is not retried.
fn pause_after(answer: &reqwest::Result<Response>) -> Option<Duration> {
    match answer {
        Ok(answer) => {
            let rest = answer.headers().get(RETRY_AFTER);
            let rest = rest.and_then(|rest| rest.to_str().ok());
            (answer.status() == StatusCode::SERVICE_UNAVAILABLE).then(|| pause_of(rest))
        }
        Err(error) => (error.is_connect() || !error.is_timeout()).then_some(PAUSE),
    }
}

/// The pause that the stack requests, up to a limit.
fn pause_of(retry_after: Option<&str>) -> Duration {
    let seconds = retry_after.and_then(|seconds| seconds.parse().ok());
    let pause = seconds.map_or(PAUSE, Duration::from_secs);
    pause.min(LONGEST_PAUSE)
}

async fn succeeded(answer: Response) -> Result<Response> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    let words = problem(status, &text);
    Err(ApiError { status, words }.into())
}

async fn read(answer: Response) -> Result<Value> {
    let text = answer.text().await?;
    if text.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_str(&text)
        .context("the answer is not JSON: is this the address of a Leadfeed stack?")
}

/// A problem in the API's own words.
fn problem(status: StatusCode, text: &str) -> String {
    let details: Value = serde_json::from_str(text).unwrap_or_default();
    let Some(detail) = details["detail"].as_str() else {
        return format!("the stack answered {status}");
    };
    let faults = details["errors"].as_array().into_iter().flatten();
    let faults: Vec<_> = faults
        .map(|fault| {
            let text = |name: &str| fault[name].as_str().unwrap_or_default().to_owned();
            format!("\n  {}: {}", text("field"), text("message"))
        })
        .collect();
    format!("{detail}{}", faults.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_follows_retry_after_up_to_five_seconds() {
        for (retry_after, seconds) in [("0", 0), ("3", 3), ("5", 5), ("6", 5), ("86400", 5)] {
            assert_eq!(
                pause_of(Some(retry_after)),
                Duration::from_secs(seconds),
                "{retry_after}"
            );
        }
        for retry_after in [None, Some("-1"), Some("soon")] {
            assert_eq!(pause_of(retry_after), PAUSE, "{retry_after:?}");
        }
    }
}
