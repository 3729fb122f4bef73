use lambda_http::http::HeaderMap;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt as _};

/// The caller's address as the gateway saw it, not as a header claims it.
#[must_use]
pub fn caller_ip(request: &Request) -> Option<String> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone(),
        _ => None,
    }
}

/// Whether a page of another origin sent a form, according to the browser (`Sec-Fetch-Site`). A sibling domain's page
/// is another's too; a browser that does not say is an old one.
#[must_use]
pub fn is_cross_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| site != "same-origin" && site != "none")
}
