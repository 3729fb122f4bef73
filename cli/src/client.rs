//! The admin API over HTTP.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Method, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use crate::args::Options;

/// A client of one stack.
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: SecretString,
}

/// An answer that is no success.
#[derive(Debug)]
pub struct Refused {
    pub status: StatusCode,
    /// The problem in the API's own words.
    words: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Refused {}

/// A client that follows no redirects and waits for nobody for ever.
pub fn http() -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(60))
        .user_agent(concat!("leadfeed/", env!("CARGO_PKG_VERSION")));
    Ok(builder.build()?)
}

impl Client {
    pub fn of(options: &Options) -> Result<Self> {
        if options.url.is_empty() {
            bail!("no address: give --url or set LEADFEED_URL");
        }
        let token = options.token.clone();
        Ok(Self {
            http: http()?,
            url: options.url.trim_end_matches('/').to_owned(),
            token: token.context("no admin token: set LEADFEED_TOKEN")?,
        })
    }

    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, None).await
    }

    /// A thing that may not be there.
    pub async fn find(&self, path: &str) -> Result<Option<Value>> {
        let answer = self.request(Method::GET, path, None).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        read(succeeded(answer).await?).await.map(Some)
    }

    /// A call that has to succeed; its answer.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        read(self.ask(method, path, body).await?).await
    }

    /// A change, in which a `null` says something.
    pub async fn change(&self, path: &str, change: Value) -> Result<Value> {
        let answer = self.request(Method::PATCH, path, Some(change)).await?;
        read(succeeded(answer).await?).await
    }

    /// A call that has to succeed, its body unread. Fails with [`Refused`] where the answer is another.
    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Response> {
        let body = body.map(crate::without_nulls);
        succeeded(self.request(method, path, body).await?).await
    }

    async fn request(&self, method: Method, path: &str, body: Option<Value>) -> Result<Response> {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let mut request = request
            .bearer_auth(self.token.expose_secret())
            .header("accept", "application/json");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(reqwest::Error::without_url);
        answer.context("the stack cannot be reached")
    }

    /// The members of `list` of every page.
    pub async fn all(&self, path: &str, list: &str, most: usize) -> Result<Value> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let sign = if path.contains('?') { '&' } else { '?' };
            let page = match &cursor {
                Some(cursor) => format!("{path}{sign}cursor={cursor}"),
                None => path.to_owned(),
            };
            let page = self.get(&page).await?;
            all.extend(page[list].as_array().cloned().unwrap_or_default());
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() || all.len() >= most {
                all.truncate(most);
                return Ok(Value::Array(all));
            }
        }
    }
}

async fn succeeded(answer: Response) -> Result<Response> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    let words = problem(status, &text);
    Err(Refused { status, words }.into())
}

async fn read(answer: Response) -> Result<Value> {
    let text = answer.text().await?;
    if text.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_str(&text).context("the answer is no JSON: is this address a Leadfeed stack?")
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
