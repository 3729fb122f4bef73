//! CORS: which pages may post by script.

use lambda_http::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use lambda_http::http::{HeaderValue, StatusCode};
use lambda_http::{Body, Request, Response};
use leadfeed_shared::domain::form::Form;

/// Adds the permission for the requesting page's origin, if the form allows it.
pub fn allow(mut answer: Response<Body>, form: &Form, request: &Request) -> Response<Body> {
    let headers = answer.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = allowed(form, request) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let retry_after = HeaderValue::from_static("retry-after");
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, retry_after);
    }
    answer
}

/// Answers a preflight request.
pub fn preflight(form: &Form, request: &Request) -> Response<Body> {
    let mut answer = Response::new(Body::Empty);
    *answer.status_mut() = StatusCode::NO_CONTENT;
    if allowed(form, request).is_some() {
        let headers = answer.headers_mut();
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("POST"),
        );
        headers.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("content-type, idempotency-key, leadfeed-rehearse"),
        );
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    allow(answer, form, request)
}

fn allowed(form: &Form, request: &Request) -> Option<HeaderValue> {
    let origin = request.headers().get(ORIGIN)?;
    let known = form
        .allowed_origins
        .iter()
        .any(|known| known.as_bytes() == origin.as_bytes());
    known.then(|| origin.clone())
}
