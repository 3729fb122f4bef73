//! Responses: JSON, and errors in each of the shapes that the vendor uses.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::settings::TokenThrottleBody;
use crate::world::{Refusal, TokenRefusal};

/// The call's outcome for the journal.
#[derive(Clone, Debug)]
pub struct Outcome(pub String);

/// A handler's answer or refusal.
pub type Answer = Result<Response, Refusal>;

pub fn ok(body: &impl Serialize) -> Answer {
    Ok(Json(body).into_response())
}

pub fn with_status(status: StatusCode, body: &impl Serialize) -> Answer {
    Ok((status, Json(body)).into_response())
}

/// Outcome of a call whose body is unknown, incomplete or too long in some part.
pub const BROKEN_CONTRACT: &str = "contract.broken";

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let array = |status, kind: &str, message: &str| errors(status, kind, &[message]);
        let object = |status, key: &str, message: &str| {
            error(
                status,
                key,
                json!({ "error_key": key, "error_message": message }),
            )
        };
        match &self {
            Self::Invalid(why) => invalid(&[why]),
            Self::BrokenContract(why) => mark(Self::Invalid(why.clone()).into_response()),
            Self::NotFound(why) => array(StatusCode::NOT_FOUND, "not_found", why),
            Self::Conflict(why) => array(StatusCode::CONFLICT, "conflict", why),
            Self::UnsupportedMediaType => array(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The payload must be in JSON format, and Content-Type must be application/json.",
            ),
            Self::NotAcceptable => array(
                StatusCode::NOT_ACCEPTABLE,
                "not_acceptable",
                "Only JSON can be answered.",
            ),
            Self::QueueFull => object(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_activities",
                "You exceeded 1,000 queued activities for this user account.",
            ),
            Self::Forbidden(_) => object(StatusCode::FORBIDDEN, "forbidden", "Forbidden"),
            Self::Throttled => object(
                StatusCode::TOO_MANY_REQUESTS,
                "throttled",
                "Too Many Requests",
            ),
            Self::QuotaExceeded => object(
                StatusCode::TOO_MANY_REQUESTS,
                "quota_exceeded",
                "Limit Exceeded",
            ),
            Self::Unauthorized => unauthorized(),
        }
    }
}

/// A 400 with one error for each message.
pub fn invalid(messages: &[impl AsRef<str>]) -> Response {
    errors(StatusCode::BAD_REQUEST, "validation.error", messages)
}

fn errors(status: StatusCode, kind: &str, messages: &[impl AsRef<str>]) -> Response {
    let key = format!("contacts.api.{kind}");
    let each = messages.iter().map(AsRef::as_ref);
    let each = each.map(|message| json!({ "error_key": key, "error_message": message }));
    let body = each.collect();
    error(status, &key, body)
}

fn unauthorized() -> Response {
    let body = json!({ "error_key": "unauthorized", "error_message": "Unauthorized" });
    let mut response = error(StatusCode::UNAUTHORIZED, "unauthorized", body);
    let headers = response.headers_mut();
    headers.insert(
        "x-amzn-errortype",
        HeaderValue::from_static("UnauthorizedException"),
    );
    headers.insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=api.cc.email"),
    );
    response
}

fn mark(mut response: Response) -> Response {
    let outcome = Outcome(BROKEN_CONTRACT.to_owned());
    response.extensions_mut().insert(outcome);
    response
}

fn error(status: StatusCode, outcome: &str, body: Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    response
        .extensions_mut()
        .insert(Outcome(outcome.to_owned()));
    response
}

/// The gateway's own error shape.
pub fn gateway_message(status: StatusCode, message: &str) -> Response {
    error(status, message, json!({ "message": message }))
}

pub async fn method_not_allowed(method: Method) -> Response {
    wrong_method(&method)
}

pub fn wrong_method(method: &Method) -> Response {
    let message = format!("The method {method} is not allowed here.");
    let body =
        json!([{ "error_key": "contacts.api.method_not_allowed", "error_message": message }]);
    error(
        StatusCode::METHOD_NOT_ALLOWED,
        "contacts.api.method_not_allowed",
        body,
    )
}

pub async fn unknown_path(uri: Uri) -> Response {
    let path = uri.path();
    if path.starts_with("/v3/") || path.contains("/.well-known/") {
        return gateway_message(StatusCode::NOT_FOUND, "Not Found");
    }
    gateway_message(StatusCode::FORBIDDEN, "Forbidden")
}

/// The token endpoint's refusals: RFC 6749 objects, except for the two that the login software makes.
pub fn token_refusal(refusal: &TokenRefusal, throttle_body: TokenThrottleBody) -> Response {
    let oauth = |status, key: &str, description: &str| {
        error(
            status,
            key,
            json!({ "error": key, "error_description": description }),
        )
    };
    let bad = StatusCode::BAD_REQUEST;
    let mut response = match refusal {
        TokenRefusal::InvalidClient => oauth(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "The client is not known or its secret is wrong.",
        ),
        TokenRefusal::InvalidGrant(why) => oauth(bad, "invalid_grant", why),
        TokenRefusal::InvalidRequest(why) => oauth(bad, "invalid_request", why),
        TokenRefusal::InvalidScope => oauth(
            bad,
            "invalid_scope",
            "The scope is not one this token was granted.",
        ),
        TokenRefusal::UnsupportedGrantType => oauth(
            bad,
            "unsupported_grant_type",
            "The grant_type is not supported.",
        ),
        TokenRefusal::MediaType => okta(
            bad,
            "E0000021",
            "Bad request: the Accept or Content-Type header has an unsupported value.",
        ),
        TokenRefusal::Unavailable => oauth(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "No token can be signed now.",
        ),
        TokenRefusal::Throttled => match throttle_body {
            TokenThrottleBody::Okta => okta(
                StatusCode::TOO_MANY_REQUESTS,
                "E0000047",
                "API call exceeded rate limit due to too many requests.",
            ),
            TokenThrottleBody::Throttled => Refusal::Throttled.into_response(),
        },
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

fn okta(status: StatusCode, code: &str, summary: &str) -> Response {
    let body = json!({
        "errorCode": code,
        "errorSummary": summary,
        "errorLink": code,
        "errorId": "oaesandbox",
        "errorCauses": [],
    });
    error(status, code, body)
}

/// An HTML error page, as the login host shows instead of redirecting.
pub fn page(status: StatusCode, title: &str) -> Response {
    let html =
        format!("<!doctype html><html lang=\"en\"><title>{title}</title><h1>{title}</h1></html>");
    let mut response = (status, Html(html)).into_response();
    response
        .extensions_mut()
        .insert(Outcome("error page".into()));
    response
}

/// 200 and nothing else.
pub fn empty() -> Answer {
    Ok(StatusCode::OK.into_response())
}

pub fn no_content() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}
