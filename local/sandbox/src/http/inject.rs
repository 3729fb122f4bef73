//! Applies a fault to one call.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use futures::stream::{self, StreamExt};
use tokio::time::sleep;

use super::answer::{self, Outcome};
use super::gateway::Cut;
use crate::faults::{Action, AppliedFault};
use crate::settings::TokenThrottleBody;
use crate::world::{Refusal, TokenRefusal};

/// The longest pause and the largest body that a fault may request.
const MAX_PAUSE: Duration = Duration::from_secs(600);
/// Enough for written bytes to leave the process.
const FLUSH: Duration = Duration::from_millis(30);
const CHUNK: usize = 64 * 1024;

pub async fn run(fault: Option<AppliedFault>, request: Request, next: Next) -> Response {
    let Some(AppliedFault {
        after_effect,
        action,
        ..
    }) = fault
    else {
        return next.run(request).await;
    };
    match action {
        Action::Delay { ms } => {
            let pause = Duration::from_millis(ms).min(MAX_PAUSE);
            if after_effect {
                let response = next.run(request).await;
                sleep(pause).await;
                return response;
            }
            sleep(pause).await;
            next.run(request).await
        }
        Action::CutBody => cut_body(next.run(request).await).await,
        Action::SlowBody { pieces, pause_ms } => {
            let pause = Duration::from_millis(pause_ms).min(MAX_PAUSE);
            slow_body(next.run(request).await, pieces, pause).await
        }
        action => {
            if after_effect {
                drop(next.run(request).await);
            }
            mark(substitute(action), "fault")
        }
    }
}

fn mark(mut response: Response, outcome: &str) -> Response {
    if response.extensions().get::<Outcome>().is_none() {
        response
            .extensions_mut()
            .insert(Outcome(outcome.to_owned()));
    }
    response
}

fn substitute(action: Action) -> Response {
    match action {
        Action::Answer {
            status,
            headers,
            body,
        } => {
            let mut response = (status_of(status), body).into_response();
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            for (name, value) in headers {
                if let (Ok(name), Ok(value)) =
                    (name.parse::<HeaderName>(), HeaderValue::try_from(value))
                {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        }
        Action::Cut => {
            let mut response = StatusCode::OK.into_response();
            response.extensions_mut().insert(Cut);
            response
        }
        Action::HugeBody { bytes } => huge_body(bytes),
        Action::Redirect { status, location } => {
            let location = HeaderValue::try_from(location);
            let location = location.unwrap_or_else(|_| HeaderValue::from_static("/"));
            (status_of(status), [(header::LOCATION, location)]).into_response()
        }
        Action::MalformedJson => json_text("{\"contact_id\":\"04fe9a97-a579-"),
        Action::Html { status } => {
            let page = Html("<!doctype html><title>Error</title><h1>Service unavailable</h1>");
            (status_of(status), page).into_response()
        }
        Action::Empty { status } => status_of(status).into_response(),
        Action::Unauthorized => Refusal::Unauthorized.into_response(),
        Action::Forbidden { because } => Refusal::Forbidden(because).into_response(),
        Action::Gateway { status, message } => answer::gateway_message(status_of(status), &message),
        Action::Invalid { messages } => answer::invalid(&messages),
        Action::Throttled => Refusal::Throttled.into_response(),
        Action::QuotaExceeded => Refusal::QuotaExceeded.into_response(),
        Action::InvalidGrant => answer::token_refusal(
            &TokenRefusal::InvalidGrant("The refresh token is invalid or expired."),
            TokenThrottleBody::Okta,
        ),
        Action::Delay { .. } | Action::CutBody | Action::SlowBody { .. } => {
            StatusCode::OK.into_response()
        }
    }
}

/// A fault with an invalid status is a plain 500.
fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn json_text(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn huge_body(bytes: u64) -> Response {
    let chunk = Bytes::from(vec![b' '; CHUNK]);
    let pieces = stream::unfold(bytes, move |left| {
        let size = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let piece = chunk.slice(..size);
        async move { (size > 0).then(|| (Ok::<_, Infallible>(piece), left - size as u64)) }
    });
    let body = Body::from_stream(pieces);
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn whole(response: Response) -> (axum::http::response::Parts, Bytes) {
    let (mut parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    (parts, bytes)
}

async fn cut_body(response: Response) -> Response {
    let (parts, bytes) = whole(response).await;
    let half = bytes.slice(..bytes.len() / 2);
    let broken = async {
        sleep(FLUSH).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    };
    let pieces = stream::iter([Ok(half)]).chain(stream::once(broken));
    Response::from_parts(parts, Body::from_stream(pieces))
}

async fn slow_body(response: Response, pieces: u32, pause: Duration) -> Response {
    let (parts, bytes) = whole(response).await;
    let size = bytes.len().div_ceil(pieces.max(1) as usize).max(1);
    let pieces = stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        sleep(pause).await;
        let piece = rest.split_to(size.min(rest.len()));
        Some((Ok::<_, Infallible>(piece), rest))
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}
