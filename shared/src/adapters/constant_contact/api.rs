use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::adapters::http::{Answer, Http, Lost};
use crate::domain::crm::CrmError;
use crate::ports::Page;

/// Maximum bytes of an ordinary answer.
const MAX_ANSWER: usize = 256 * 1024;
/// Maximum bytes of a page: 500 contacts, lists or fields.
const MAX_PAGE: usize = 2 * 1024 * 1024;

/// The API of Constant Contact, version 3.
#[derive(Debug, Clone)]
pub struct ConstantContact {
    pub(super) http: Http,
    base: Url,
}

/// One page of any listing.
#[derive(Deserialize)]
struct Listing<T> {
    #[serde(
        alias = "activities",
        alias = "contacts",
        alias = "custom_fields",
        alias = "lists"
    )]
    items: Vec<T>,
    #[serde(rename = "_links")]
    links: Option<Links>,
}

/// The link to the next page.
#[derive(Deserialize)]
struct Links {
    next: Option<Next>,
}

#[derive(Deserialize)]
struct Next {
    href: String,
}

impl ConstantContact {
    /// The API at `base`, such as `https://api.cc.email/v3`.
    #[must_use]
    pub fn new(http: Http, base: Url) -> Self {
        Self { http, base }
    }

    /// The URL of a resource, whose path begins with a slash.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }

    /// A page of a listing: the one that the previous page links to, or the first.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        token: &SecretString,
        path: &str,
        query: &[(&str, &str)],
        cursor: Option<&str>,
    ) -> Result<Page<T>, CrmError> {
        let url = match cursor {
            Some(cursor) => cursor.parse().map_err(|_| CrmError::Unavailable)?,
            None => {
                let mut url = self.url(path);
                url.query_pairs_mut().extend_pairs(query);
                url
            }
        };
        let Listing { items, links } = self.get(token, url).await?;
        let next = self.next(links)?.map(String::from);
        Ok(Page { items, next })
    }

    /// The next page, which an answer names by its path. The token is sent to no other origin, whatever it names.
    fn next(&self, links: Option<Links>) -> Result<Option<Url>, CrmError> {
        let Some(next) = links.and_then(|links| links.next) else {
            return Ok(None);
        };
        let url = self.base.join(&next.href).ok();
        let own = url.filter(|url| url.origin() == self.base.origin());
        own.map(Some).ok_or(CrmError::Unavailable)
    }

    /// Reads a resource. A lost answer is no worse than none: nothing has changed.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        token: &SecretString,
        url: Url,
    ) -> Result<T, CrmError> {
        let request = self.request(Method::GET, token, url);
        let answer = self.call(request, MAX_PAGE).await;
        let answer = answer.map_err(|_| CrmError::Unavailable)?.accepted()?;
        answer.json().ok_or(CrmError::Unavailable)
    }

    /// Changes something; returns the answer if it is a success.
    pub(super) async fn write(
        &self,
        method: Method,
        token: &SecretString,
        url: Url,
        body: &impl Serialize,
    ) -> Result<Answer, CrmError> {
        let request = self.request(method, token, url).json(body);
        let answer = self.call(request, MAX_ANSWER).await;
        let answer = answer.map_err(|lost| match lost {
            Lost::Before => CrmError::Unavailable,
            Lost::After => CrmError::AnswerLost,
        })?;
        answer.accepted().map_err(|error| match error {
            // A gateway that answers 5xx may have given up on a call that still took effect behind it.
            CrmError::Unavailable => CrmError::AnswerLost,
            error => error,
        })
    }

    fn request(&self, method: Method, token: &SecretString, url: Url) -> RequestBuilder {
        let json = HeaderValue::from_static("application/json");
        let request = self.http.client().request(method, url);
        request
            .bearer_auth(token.expose_secret())
            .header(ACCEPT, json)
    }

    async fn call(&self, request: RequestBuilder, limit: usize) -> Result<Answer, Lost> {
        let request = request.build().map_err(|_| Lost::Before)?;
        self.http.call(request, limit).await
    }
}

impl Answer {
    fn accepted(self) -> Result<Self, CrmError> {
        if let 200..=299 = self.status {
            return Ok(self);
        }
        let error = CrmError::classify(self.status, self.body.as_deref().unwrap_or_default());
        Err(match self.retry_after {
            Some(retry_after) => error.with_retry_after(retry_after),
            None => error,
        })
    }

    /// The body, if it is valid JSON for the type.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(self.body.as_deref()?).ok()
    }
}
