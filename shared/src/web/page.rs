use std::any::Any;
use std::sync::LazyLock;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, tz::TimeZone};
use lambda_http::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use lambda_http::http::{HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use sha2::{Digest as _, Sha256};

use super::Problem;
use crate::ports::causes;

/// The one style sheet of all pages, which `base.html` includes.
const STYLE: &str = include_str!("../../templates/style.css");

/// Keeps a page out of frames, in which a visitor could be tricked into pressing what they do not see.
const NO_FRAME: &str = "; frame-ancestors 'none'";

/// Allows nothing but the page itself with our style sheet: no script, no other style, no frame. `form-action` is not
/// restricted, as browsers apply it to the redirects that follow too.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    // An included template loses its last line break.
    let style = STANDARD.encode(Sha256::digest(STYLE.trim_end()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'{NO_FRAME}"
    );
    HeaderValue::try_from(policy).expect("a hash in base64 is plain text")
});

/// A page for a person, with the sender's name on it.
///
/// That is a brand for the people who sign up with it, the service for its customers, and `None` if neither is known.
/// Templates extend `base.html`; other styles than its own are blocked.
#[must_use]
pub fn page(
    sender_name: Option<&str>,
    status: StatusCode,
    template: &impl Template,
) -> Response<Body> {
    let sender_name = sender_name.map(str::to_owned);
    let value = sender_name
        .as_ref()
        .map(|name| ("sender_name", name as &dyn Any));
    match template.render_with_values(&value) {
        Ok(html) => with_headers(status, html),
        Err(error) => {
            tracing::error!(
                error = %causes(&error),
                "a page could not be rendered"
            );
            Problem::unavailable().into_response()
        }
    }
}

/// The same, for a page that also loads scripts, styles and frames from `sources`.
#[must_use]
pub fn page_with(
    sender_name: Option<&str>,
    status: StatusCode,
    template: &impl Template,
    sources: &str,
) -> Response<Body> {
    let mut response = page(sender_name, status, template);
    let policy = POLICY.to_str().unwrap_or_default();
    let policy = policy.replace("style-src", &format!("style-src {sources}"));
    let policy =
        format!("{policy}; script-src {sources}; frame-src {sources}; connect-src {sources}");
    match HeaderValue::try_from(policy) {
        Ok(policy) => {
            let headers = response.headers_mut();
            headers.insert(CONTENT_SECURITY_POLICY, policy);
            response
        }
        Err(_) => Problem::unavailable().into_response(),
    }
}

/// The same answer, but anyone may show the page in a frame. It is for pages that know nobody: pressing a button on
/// them acts in nobody's name.
///
/// The header then says nothing about frames: a list of allowed origins would leave out frames without an origin, which
/// many website editors make.
#[must_use]
pub fn allow_framing(mut answer: Response<Body>) -> Response<Body> {
    let headers = answer.headers_mut();
    let policy = headers.get(CONTENT_SECURITY_POLICY);
    let policy = policy.and_then(|policy| policy.to_str().ok());
    let policy = policy.map(|policy| policy.replace(NO_FRAME, ""));
    if let Some(Ok(policy)) = policy.map(HeaderValue::try_from) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

/// 303 to `location`, which must be one of our own or an allowed address.
#[must_use]
pub fn see_other(location: &str) -> Response<Body> {
    let mut response = with_headers(StatusCode::SEE_OTHER, String::new());
    match HeaderValue::from_str(location) {
        Ok(location) => {
            response.headers_mut().insert(LOCATION, location);
            response
        }
        Err(_) => Problem::unavailable().into_response(),
    }
}

/// A day in words that say it is UTC, as the reader's day may be another.
#[must_use]
pub fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC)
        .strftime("%-d %B %Y (UTC)")
        .to_string()
}

fn with_headers(status: StatusCode, html: String) -> Response<Body> {
    const HEADERS: [(HeaderName, &str); 5] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (STRICT_TRANSPORT_SECURITY, "max-age=31536000"), // a year
    ];
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Template)]
    #[template(path = "problem.html")]
    struct Sample {
        title: &'static str,
        detail: &'static str,
        errors: Vec<crate::domain::lead::FieldError>,
    }

    #[test]
    fn policy_has_the_hash_of_the_pages_style_and_values_are_escaped() {
        let sample = Sample {
            title: "<script>",
            detail: "d",
            errors: vec![],
        };

        let response = page(Some("<b>"), StatusCode::OK, &sample);

        let Body::Text(html) = response.body() else {
            panic!("no text")
        };
        let (_, rest) = html.split_once("<style>").unwrap();
        let (style, _) = rest.split_once("</style>").unwrap();
        let hash = STANDARD.encode(Sha256::digest(style));
        let policy = response.headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(policy.contains(&format!("style-src 'sha256-{hash}'")));
        assert!(!policy.contains("unsafe"));
        assert!(policy.ends_with("; frame-ancestors 'none'"), "{policy}");
        assert!(!html.contains("<script>") && !html.contains("<b>"));
    }

    #[test]
    fn in_any_frame_removes_only_frame_ancestors_from_the_policy() {
        let sample = || Sample {
            title: "t",
            detail: "d",
            errors: vec![],
        };
        let policy = |page: &Response<Body>| page.headers()[CONTENT_SECURITY_POLICY].clone();
        let captchas = "https://captcha.example";

        for page in [
            page(None, StatusCode::OK, &sample()),
            page_with(None, StatusCode::OK, &sample(), captchas),
        ] {
            let before = policy(&page);
            let after = policy(&allow_framing(page));

            let (before, after) = (before.to_str().unwrap(), after.to_str().unwrap());
            assert!(!after.contains("frame-ancestors"), "{after}");
            let directives: Vec<_> = before.split("; ").collect();
            let kept = directives
                .iter()
                .filter(|directive| !directive.starts_with("frame-a"));
            assert!(kept.copied().eq(after.split("; ")), "{after}");
        }
    }

    #[test]
    fn day_says_that_it_is_utc() {
        let last_second: Timestamp = "2026-11-29T23:59:59Z".parse().unwrap();

        assert_eq!(day(last_second), "29 November 2026 (UTC)");
    }
}
