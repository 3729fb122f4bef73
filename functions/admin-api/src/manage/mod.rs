//! The customer's own page: what arrived, what waits and why, and what can be done about it. A manage link is all that
//! its holder needs, and gives access to no other customer's data.

mod act;
mod chart;
mod page;

use askama::Template;
use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, Response};
use leadfeed_shared::app::admin::{Admin, AdminError};
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::link::LinkError;
use leadfeed_shared::ports::Wiring;
use leadfeed_shared::web::{Problem, is_cross_site, page};

use self::page::{Notice, Page};
use crate::answer::Refused;

/// Whether this path belongs to the page.
pub fn is_for(path: &str) -> bool {
    path.starts_with("/manage/")
}

/// The holder of a manage link, and the address of their page.
struct LinkHolder<'a> {
    customer: CustomerId,
    base: &'a str,
    /// The service's name.
    service: &'a str,
}

impl LinkHolder<'_> {
    fn page(&self, template: &impl Template) -> Response<Body> {
        page(Some(self.service), StatusCode::OK, template)
    }
}

/// Answers a request to the page. Never fails: errors are pages too.
pub async fn handle<W: Wiring>(
    admin: &Admin<W>,
    request: &Request,
    service: &str,
) -> Response<Body> {
    let path = request.uri().path();
    let rest = path.strip_prefix("/manage/").unwrap_or_default();
    let (token, action) = rest.split_once('/').unwrap_or((rest, ""));
    let customer = match admin.verify_manage_link(token) {
        Ok(customer) => customer,
        Err(error) => return unusable(error).answer(request.headers(), Some(service)),
    };
    let holder = LinkHolder {
        customer,
        base: &path[..path.len() - rest.len() + token.len()],
        service,
    };
    let answer = match (request.method().as_str(), action) {
        ("GET" | "HEAD", "") => show(admin, &holder, request).await,
        ("POST", _) if is_cross_site(request.headers()) => Err(from_other_site().into()),
        ("POST", action) => act::act(admin, &holder, action, request).await,
        ("GET" | "HEAD", action) => act::preview(admin, &holder, action, request).await,
        _ => return Problem::method_not_allowed("GET, HEAD, POST").into_response(),
    };
    answer.unwrap_or_else(|Refused(problem)| problem.answer(request.headers(), Some(service)))
}

async fn show<W: Wiring>(
    admin: &Admin<W>,
    holder: &LinkHolder<'_>,
    request: &Request,
) -> Result<Response<Body>, Refused> {
    let overview = match admin.overview(&holder.customer).await {
        Err(AdminError::NotFound(_)) => return Err(unusable(LinkError::Forged).into()),
        overview => overview?,
    };
    let notice = Notice::of(request);
    let page = Page::of(&overview, holder.base, notice, admin)?;
    Ok(holder.page(&page))
}

/// The page gives the same answer for a forged link and for one whose customer was removed.
fn unusable(error: LinkError) -> Problem {
    match error {
        LinkError::Expired => Problem::new(
            StatusCode::GONE,
            "link_expired",
            "This link was good for a day and has expired. Please ask whoever sent it to you for a new one.",
        ),
        LinkError::Forged => Problem::new(
            StatusCode::FORBIDDEN,
            "link_unusable",
            "This link cannot be used. Please ask whoever sent it to you for a new one.",
        ),
    }
}

fn from_other_site() -> Problem {
    let detail = "This was sent by the page of another site, so nothing was done.";
    Problem::new(StatusCode::FORBIDDEN, "from_elsewhere", detail)
}
