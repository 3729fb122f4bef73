//! The properties of a request, not validated yet.

use jiff::Timestamp;
use lambda_http::http::StatusCode;
use lambda_http::http::header::{AUTHORIZATION, CONTENT_TYPE};
use lambda_http::{Request, RequestExt as _};
use leadfeed_shared::app::admin::{AdminAuth, Properties};
use leadfeed_shared::ports::AdminTokens;
use leadfeed_shared::web::Problem;

/// Maximum bytes of a body. The largest one that an operator sends is a form with a page of constants.
const MAX_BODY: usize = 64 * 1024;

/// The properties of a JSON body.
pub fn body(request: &Request) -> Result<Properties, Problem> {
    let body: &[u8] = request.body().as_ref();
    if body.len() > MAX_BODY {
        return Err(too_large());
    }
    if !body.is_empty() && !is_json(request) {
        let detail = "The body has to be application/json.";
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            detail,
        ));
    }
    Properties::parse(body).map_err(|_| {
        let detail = "The body has to be one JSON object.";
        Problem::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
    })
}

/// 413.
pub fn too_large() -> Problem {
    let detail = "The body is too large.";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

/// The properties of the query.
pub fn query(request: &Request) -> Properties {
    let pairs = request.query_string_parameters();
    Properties::from_query(pairs.iter())
}

/// Whether the request comes from the operator.
pub async fn is_authorized<T: AdminTokens>(
    request: &Request,
    auth: &AdminAuth<T>,
    now: Timestamp,
) -> bool {
    let header = request.headers().get(AUTHORIZATION);
    match header.and_then(|value| value.to_str().ok()) {
        Some(text) => auth.is_authorized(text, now).await,
        None => false,
    }
}

fn is_json(request: &Request) -> bool {
    let declared = request.headers().get(CONTENT_TYPE);
    let declared = declared
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = declared.split(';').next().unwrap_or_default().trim();
    ["application/json", "application/merge-patch+json"]
        .iter()
        .any(|json| kind.eq_ignore_ascii_case(json))
}
