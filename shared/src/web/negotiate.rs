use lambda_http::http::{HeaderMap, header::ACCEPT};

/// Who reads the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// A person, in a browser: pages and redirects.
    Browser,
    /// A program: JSON.
    Program,
}

/// Tells them apart by `Accept`: browsers ask for `text/html` by name, programs hardly ever do.
#[must_use]
pub fn audience(headers: &HeaderMap) -> Audience {
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if accept.to_ascii_lowercase().contains("text/html") {
        Audience::Browser
    } else {
        Audience::Program
    }
}
