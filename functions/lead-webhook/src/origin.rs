//! Where a request came from, for the consent record.

use lambda_http::http::header::{HOST, ORIGIN, REFERER, USER_AGENT};
use lambda_http::{Request, RequestExt as _};
use leadfeed_shared::domain::consent::Origin;
use leadfeed_shared::domain::submission::Submission;
use leadfeed_shared::web::caller_ip;

/// The origin of a browser's request.
pub fn of(request: &Request) -> Origin {
    let header = |name| {
        let value = request.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Origin {
        ip: caller_ip(request),
        user_agent: header(USER_AGENT),
        site: header(ORIGIN).filter(|site| ours(request).as_ref() != Some(site)),
        referer: header(REFERER),
    }
}

/// The person's browser, as described by another server that has proven its identity. That server's own address and
/// name say nothing about the person.
pub fn stated(fields: &Submission) -> Origin {
    let ip = fields.get("consent_ip").map(str::trim);
    let ip = ip.filter(|ip| ip.parse::<std::net::IpAddr>().is_ok());
    Origin {
        ip: ip.map(str::to_owned),
        user_agent: fields.get("consent_user_agent").map(str::to_owned),
        site: None,
        referer: None,
    }
}

/// The URL of the requested page, as its browser knows it.
pub fn page(request: &Request) -> Option<String> {
    Some(format!("{}{}", ours(request)?, request.raw_http_path()))
}

/// Our own site, as a browser on one of our pages names it.
fn ours(request: &Request) -> Option<String> {
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let scheme = match header("x-forwarded-proto") {
        Some("http") => "http",
        _ => "https",
    };
    let host = header(HOST.as_str())?;
    Some(format!("{scheme}://{host}"))
}
