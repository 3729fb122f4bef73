//! Converts the gateway's events to requests, and answers back.

use std::future::{Future, ready};
use std::pin::Pin;

use lambda_http::http::Uri;
use lambda_http::http::header::HOST;
use lambda_http::request::LambdaRequest;
use lambda_http::tower::ServiceExt as _;
use lambda_http::{
    Adapter, Body, Error, IntoResponse, LambdaEvent, Request, Response, Service, lambda_runtime,
};
use serde::Serialize;
use url::Url;

const SCHEME: &str = "x-forwarded-proto";

/// Answers requests until the function ends.
///
/// # Errors
/// Those of the runtime.
pub async fn run<'a, S>(answer: S) -> Result<(), Error>
where
    S: Service<Request, Response = Response<Body>, Error = Error>,
    S::Future: Send + 'a,
{
    lambda_runtime::run(adapted(answer)).await
}

/// Adapts a handler of requests to the runtime's events.
fn adapted<'a, S>(
    answer: S,
) -> impl Service<LambdaEvent<LambdaRequest>, Response = impl Serialize, Error = Error, Future: Send>
where
    S: Service<Request, Response = Response<Body>, Error = Error>,
    S::Future: Send + 'a,
{
    let tame = |mut event: LambdaEvent<LambdaRequest>| {
        event.payload = sanitized(event.payload);
        event
    };
    Adapter::from(answer.map_response(Unchanged)).map_request(tame)
}

/// An answer whose bytes stay as they are: `lambda_http` decodes anything with a text type, and so removes the BOM of a
/// file.
struct Unchanged(Response<Body>);

impl IntoResponse for Unchanged {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(ready(self.0))
    }
}

/// An event from which a request can be built.
///
/// `lambda_http` builds a URL from its scheme, host, path and query, and panics if that fails: a bare `<` in a query is
/// enough. Such characters are encoded; an invalid scheme or host is dropped.
#[must_use]
pub fn sanitized(mut event: LambdaRequest) -> LambdaRequest {
    if let LambdaRequest::ApiGatewayV2(request) = &mut event {
        let header = |name: &str| request.headers.get(name)?.to_str().ok();
        let host = header(HOST.as_str()).or(request.request_context.domain_name.as_deref());
        let has_scheme = header(SCHEME).is_none_or(|scheme| matches!(scheme, "http" | "https"));
        let has_host = host.is_none_or(is_host);
        if !has_scheme {
            request.headers.remove(SCHEME);
        }
        if !has_host {
            request.headers.remove(HOST);
            request.request_context.domain_name = None;
        }
        if let Some(query) = &mut request.raw_query_string {
            let mut page = Url::parse("https://localhost/").expect("a URL");
            page.set_query(Some(query));
            *query = page.query().unwrap_or_default().to_owned();
        }
    }
    event
}

/// Whether both parsers that it goes through accept it: only the first accepts a brace in a host.
fn is_host(text: &str) -> bool {
    let page = Url::parse(&format!("https://{text}/"));
    page.is_ok_and(|page| Uri::try_from(page.as_str()).is_ok())
}

#[cfg(test)]
mod tests {
    use lambda_http::{Context, RequestExt as _, service_fn};
    use serde_json::{Value, json};

    use super::*;

    const POST: &str = include_str!("../../../events/lead-form-post.json");

    fn request(change: impl FnOnce(&mut Value)) -> Request {
        let mut event = serde_json::from_str(POST).unwrap();
        change(&mut event);
        let event: LambdaRequest = serde_json::from_str(&event.to_string()).unwrap();
        sanitized(event).into()
    }

    #[test]
    fn query_with_characters_invalid_in_a_url_is_read() {
        for (query, expected) in [
            ("a=<b>", "<b>"),
            ("a=\"#'`{|}^ \u{e4}", "\"#'`{|}^ \u{e4}"),
            ("a=%3Cb%3E", "<b>"),
            ("a=1+2%2B3", "1 2+3"),
        ] {
            let request = request(|event| event["rawQueryString"] = query.into());

            let read = request.query_string_parameters();
            assert_eq!(read.first("a"), Some(expected), "{query}");
            assert!(
                request
                    .uri()
                    .query()
                    .is_some_and(|query| query.starts_with("a="))
            );
        }
    }

    #[test]
    fn invalid_scheme_or_host_is_dropped_and_the_request_still_read() {
        for (name, value) in [
            ("x-forwarded-proto", "1"),
            ("x-forwarded-proto", "java:script"),
            ("host", "a b"),
            ("host", "leads.example:port"),
            ("host", ""),
            ("host", "{"),
        ] {
            let request = request(|event| event["headers"][name] = value.into());

            assert_eq!(request.method(), "POST", "{name} {value}");
            assert_eq!(request.raw_http_path(), "/f/frm_01ARZ3NDEKTSV4RRFFQ69G5FAV");
            assert!(!request.headers().contains_key(name), "{name} {value}");
        }
        let good = request(|event| event["headers"]["x-forwarded-proto"] = json!("http"));
        assert_eq!(good.headers()["host"], "leads.engines.example");
        assert_eq!(good.uri().scheme_str(), Some("http"));
    }

    #[tokio::test]
    async fn binary_body_is_sent_unchanged_as_base64_and_text_as_text() {
        let encoded = async |body: Body| {
            let answer = service_fn(async |_: Request| {
                let response =
                    Response::builder().header("content-type", "text/csv; charset=utf-8");
                Ok::<_, Error>(response.body(body.clone())?)
            });
            let event = LambdaEvent::new(serde_json::from_str(POST).unwrap(), Context::default());
            let answer = adapted(answer).oneshot(event).await.unwrap();
            serde_json::to_value(answer).unwrap()
        };

        let file = encoded(Body::Binary(b"\xEF\xBB\xBFEmail".to_vec())).await;
        let page = encoded(Body::Text("\u{141}ovelace".to_owned())).await;

        assert_eq!(file["isBase64Encoded"], true);
        assert_eq!(file["body"], "77u/RW1haWw=");
        assert_eq!(page["isBase64Encoded"], false);
        assert_eq!(page["body"], "\u{141}ovelace");
    }
}
