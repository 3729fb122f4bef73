//! A CSV part as an HTTP response.

use jiff::SignedDuration;
use lambda_http::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, LINK, X_CONTENT_TYPE_OPTIONS,
};
use lambda_http::http::{HeaderName, HeaderValue};
use lambda_http::{Body, Request, RequestExt as _, Response};
use leadfeed_shared::app::admin::{Admin, AdminError, Exported, Properties};
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::ports::{Clock as _, Wiring};
use url::form_urlencoded::Serializer;

/// Time for reading leads; the rest of the function's time is for the last page and the response.
pub const READ_TIME: SignedDuration = SignedDuration::from_secs(14);

/// Time for previewing a part. The download ends where its preview did, and takes longer, as it marks leads.
pub const PREVIEW_TIME: SignedDuration = SignedDuration::from_secs(5);

/// A part of a customer's leads.
pub async fn part<W: Wiring>(
    admin: &Admin<W>,
    customer: &CustomerId,
    query: Properties,
    within: SignedDuration,
) -> Result<Exported, AdminError> {
    let until = admin.clock.now() + within;
    admin.export(customer, query, until).await
}

/// The file and, for a program, a link to the next part (RFC 8288).
pub fn answer(part: Exported, requested: Option<(&str, &Request)>) -> Response<Body> {
    let next = part.next.as_deref();
    let link = requested.zip(next).map(|((path, request), cursor)| {
        format!("<{path}?{}>; rel=\"next\"", query(request, cursor))
    });
    let disposition = format!("attachment; filename=\"{}\"", part.name);
    let mut response = Response::new(Body::Binary(part.csv));
    let fixed = |value| Some(HeaderValue::from_static(value));
    let headers: [(HeaderName, Option<HeaderValue>); 6] = [
        (CONTENT_TYPE, fixed("text/csv; charset=utf-8")),
        (CONTENT_DISPOSITION, disposition.try_into().ok()),
        (CACHE_CONTROL, fixed("no-store")),
        (X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (LINK, link.and_then(|link| link.try_into().ok())),
        (
            HeaderName::from_static("leadfeed-rows"),
            Some(HeaderValue::from(part.rows)),
        ),
    ];
    for (name, value) in headers {
        if let Some(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The request's query with another cursor.
fn query(request: &Request, cursor: &str) -> String {
    let pairs = request.query_string_parameters();
    let others = pairs.iter().filter(|(name, _)| *name != "cursor");
    Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair("cursor", cursor)
        .finish()
}
