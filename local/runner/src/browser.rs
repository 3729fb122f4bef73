//! A minimal browser: cookies, redirects and forms.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use scraper::{ElementRef, Html, Selector};
use url::Url;

const MAX_REDIRECTS: usize = 10;

/// Keeps cookies from page to page. Sends `Secure` ones on loopback too, as browsers do.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    cookies: BTreeMap<String, String>,
}

/// What the address bar and the window show.
#[derive(Debug)]
pub struct Page {
    /// The address after all redirects.
    pub url: Url,
    /// The status of the answer.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its HTML.
    pub html: String,
}

impl Browser {
    /// A browser without cookies.
    pub fn new() -> Result<Self> {
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .pool_max_idle_per_host(0);
        Ok(Self {
            client: client.build()?,
            cookies: BTreeMap::new(),
        })
    }

    /// Opens an address.
    pub async fn open(&mut self, url: &str) -> Result<Page> {
        self.visit(Method::GET, Url::parse(url)?, None).await
    }

    /// Fills in the form that posts to `action` (or the only one) and submits it.
    pub async fn submit(
        &mut self,
        page: &Page,
        action: &str,
        filled: &[(&str, &str)],
    ) -> Result<Page> {
        let form = page.form(action)?;
        let named = |name: &str| filled.iter().any(|(other, _)| *other == name);
        let mut fields = form_urlencoded::Serializer::new(String::new());
        fields
            .extend_pairs(form.fields.iter().filter(|(name, _)| !named(name)))
            .extend_pairs(filled);
        self.visit(Method::POST, form.target, Some(fields.finish()))
            .await
    }

    async fn visit(&mut self, method: Method, url: Url, form: Option<String>) -> Result<Page> {
        let mut answer = self.request(method, url.clone(), form).await?;
        let mut url = url;
        for _ in 0..MAX_REDIRECTS {
            let Some(location) = answer.headers().get(LOCATION) else {
                let (status, headers) = (answer.status(), answer.headers().clone());
                return Ok(Page {
                    url,
                    status,
                    headers,
                    html: answer.text().await?,
                });
            };
            url = url.join(location.to_str()?)?;
            answer = self.request(Method::GET, url.clone(), None).await?;
        }
        bail!("redirected more than {MAX_REDIRECTS} times")
    }

    async fn request(
        &mut self,
        method: Method,
        url: Url,
        form: Option<String>,
    ) -> Result<Response> {
        let mut request = self
            .client
            .request(method, url)
            .header("accept", "text/html");
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        if let Some(form) = form {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form);
        }
        let answer = request.send().await.context("no answer to the browser")?;
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("a cookie without a value")?;
            self.cookies
                .insert(name.trim().to_owned(), value.trim().to_owned());
        }
        Ok(answer)
    }
}

struct Form {
    target: Url,
    fields: Vec<(String, String)>,
}

impl Page {
    /// The values of the choice with this name.
    pub fn choices(&self, name: &str) -> Result<Vec<String>> {
        let document = Html::parse_document(&self.html);
        let inputs = selector("input, option, button")?;
        let named = document
            .select(&inputs)
            .filter(|input| input.attr("name") == Some(name));
        Ok(named
            .filter_map(|input| input.attr("value"))
            .map(str::to_owned)
            .collect())
    }

    /// The text of the page's heading.
    pub fn heading(&self) -> Result<String> {
        let document = Html::parse_document(&self.html);
        let heading = document
            .select(&selector("h1")?)
            .next()
            .map(|heading| heading.text().collect());
        heading
            .with_context(|| format!("{} shows no heading, but {}", self.url.path(), self.status))
    }

    fn form(&self, action: &str) -> Result<Form> {
        let document = Html::parse_document(&self.html);
        let forms = selector("form")?;
        let form = document
            .select(&forms)
            .find(|form| action.is_empty() || form.attr("action") == Some(action));
        let form =
            form.with_context(|| format!("{} has no form for {action:?}", self.url.path()))?;
        let target = self.url.join(form.attr("action").unwrap_or_default())?;
        Ok(Form {
            target,
            fields: initial_values(form)?,
        })
    }
}

/// The initial field values of a form.
fn initial_values(form: ElementRef<'_>) -> Result<Vec<(String, String)>> {
    let mut fields = Vec::new();
    for control in form.select(&selector("input[name], select[name]")?) {
        let name = control.attr("name").unwrap_or_default().to_owned();
        let value = match (control.value().name(), control.attr("type")) {
            ("select", _) => control
                .select(&selector("option")?)
                .next()
                .and_then(|option| option.attr("value")),
            (_, Some("checkbox" | "radio")) => {
                control.attr("checked").and_then(|_| control.attr("value"))
            }
            (_, Some("submit")) => None,
            _ => Some(control.attr("value").unwrap_or_default()),
        };
        fields.extend(value.map(|value| (name, value.to_owned())));
    }
    Ok(fields)
}

fn selector(css: &str) -> Result<Selector> {
    Selector::parse(css).map_err(|error| anyhow::anyhow!("{error}"))
}
