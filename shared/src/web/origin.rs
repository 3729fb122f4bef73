use lambda_http::http::HeaderMap;

/// Whether a page of another origin sent a form, which browsers say of themselves (`Sec-Fetch-Site`). A sibling's page is
/// another's too; a browser that says nothing is an old one.
#[must_use]
pub fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| site != "same-origin" && site != "none")
}
