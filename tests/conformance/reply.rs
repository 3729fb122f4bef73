//! Answers, and what the checks read from them.

use reqwest::header::HeaderMap;
use serde_json::Value;
use url::Url;

/// A complete answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    /// Panics, showing the body, if the status is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// For answers that a live host may give in several ways.
    #[track_caller]
    pub fn expect_one_of(self, statuses: &[u16]) -> Self {
        assert!(
            statuses.contains(&self.status),
            "{}: {}",
            self.status,
            self.text
        );
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// `error_key` in the array or the object shape.
    #[track_caller]
    pub fn error_key(&self) -> String {
        self.error("error_key")
    }

    #[track_caller]
    pub fn error_message(&self) -> String {
        self.error("error_message")
    }

    #[track_caller]
    fn error(&self, name: &str) -> String {
        let body = self.json();
        let error = body.get(0).unwrap_or(&body);
        let text = error[name].as_str();
        text.unwrap_or_else(|| panic!("no {name} in {}", self.text))
            .to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The parameters that a redirect carries back to the client.
    #[track_caller]
    pub fn redirect_params(&self) -> Vec<(String, String)> {
        assert_eq!(self.status, 302, "{}", self.text);
        let location = self.header("location").expect("a location");
        let url = Url::parse(location).expect("a URL");
        url.query_pairs().into_owned().collect()
    }

    #[track_caller]
    pub fn redirect_param(&self, name: &str) -> String {
        let pairs = self.redirect_params();
        let found = pairs.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.clone())
            .unwrap_or_else(|| panic!("no {name} in {pairs:?}"))
    }
}
