use std::collections::HashMap;

use lambda_http::{Body, request};
use leadfeed_shared::app::connect::terms;
use leadfeed_shared::domain::keys::fingerprint;
use oauth_callback::handle;
use serde_json::{Value, json};
use url::Url;

use crate::stage::Stage;

/// A browser with its cookies, in front of the function.
#[derive(Default)]
pub struct Browser {
    pub cookies: HashMap<String, String>,
}

/// The response to a request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Answer {
    /// Where a 303 leads.
    pub fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.body);
        &self.headers["location"]
    }

    /// The parameters of the address a 303 leads to.
    pub fn query(&self) -> HashMap<String, String> {
        let url = Url::parse(self.location()).unwrap();
        url.query_pairs().into_owned().collect()
    }
}

impl Browser {
    pub async fn get(&mut self, stage: &Stage, path: &str) -> Answer {
        self.send(stage, "GET", path, None).await
    }

    /// Comes back from the authorization server and follows the redirect, whose URL contains nothing that the server
    /// said.
    pub async fn follow_callback(&mut self, stage: &Stage, callback: &str) -> Answer {
        let answer = self.get(stage, callback).await;
        let to = answer.location();
        assert!(to.starts_with("/connect/") && !to.contains('?'), "{to}");
        self.get(stage, to).await
    }

    /// Sends a form as from a page that was just shown: with the current session, and with the terms of Analytical
    /// Engines for `terms=yes`.
    pub async fn post(&mut self, stage: &Stage, path: &str, body: &str) -> Answer {
        let cookie = self.cookies.values().next();
        let session = stage.connect.session(cookie.map(String::as_str));
        let shown_to = session.map_or_else(String::new, |session| session.fingerprint());
        let body = with_terms(body, &fingerprint(&terms("Analytical Engines")));
        let body = format!("session={shown_to}&{body}");
        self.send(stage, "POST", path, Some(&body)).await
    }

    /// Sends the form of a page shown earlier, with more fields filled in; `terms=yes` ticks that page's terms.
    pub async fn submit_form(
        &mut self,
        stage: &Stage,
        page: &Answer,
        path: &str,
        body: &str,
    ) -> Answer {
        let (_, form) = page.body.split_once(&format!("action=\"{path}\"")).unwrap();
        let value = |name: &str| {
            let (_, field) = form.split_once(&format!("name=\"{name}\" value=\""))?;
            Some(field.split_once('"')?.0)
        };
        let body = with_terms(body, value("terms").unwrap_or("none to tick"));
        let account =
            value("account").map_or_else(String::new, |account| format!("account={account}&"));
        let body = format!("session={}&{account}{body}", value("session").unwrap());
        self.send(stage, "POST", path, Some(&body)).await
    }

    pub async fn send(
        &mut self,
        stage: &Stage,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Answer {
        let answer = handle_event(stage, self.event(method, path, body)).await;
        if let Some(cookie) = answer.headers.get("set-cookie") {
            let (name, rest) = cookie.split_once('=').unwrap();
            let (value, _) = rest.split_once(';').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    pub fn event(&self, method: &str, path: &str, body: Option<&str>) -> Value {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut event: Value =
            serde_json::from_str(include_str!("../../../../events/oauth-lists.json")).unwrap();
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        event["rawPath"] = json!(path);
        event["rawQueryString"] = json!(query);
        event["requestContext"]["http"]["method"] = json!(method);
        event["requestContext"]["http"]["path"] = json!(path);
        event["cookies"] = json!(cookies);
        event["body"] = json!(body);
        event
    }
}

fn with_terms(body: &str, terms: &str) -> String {
    body.replace("terms=yes", &format!("terms={terms}"))
}

/// The function's response to an event of the HTTP API.
pub async fn handle_event(stage: &Stage, event: Value) -> Answer {
    let request = request::from_str(&event.to_string()).unwrap();
    let response = handle(&stage.connect, request).await;
    let (parts, body) = response.into_parts();
    let text = |value: &lambda_http::http::HeaderValue| value.to_str().unwrap().to_owned();
    Answer {
        status: parts.status.as_u16(),
        headers: parts
            .headers
            .iter()
            .map(|(n, v)| (n.to_string(), text(v)))
            .collect(),
        body: match body {
            Body::Text(text) => text,
            _ => String::new(),
        },
    }
}
