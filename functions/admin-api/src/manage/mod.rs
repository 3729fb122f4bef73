//! The customer's own page: what arrived, what waits and why, and what can be done about it. A manage link is all that
//! its holder needs, and gives access to no other customer's data.

mod act;
mod chart;
mod page;

use askama::Template;
use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Request, Response};
use leadfeed_shared::app::admin::{Admin, ManageLinkError};
use leadfeed_shared::domain::customer::Customer;
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::link::LinkError;
use leadfeed_shared::ports::{Wiring, causes};
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
    if request.method() == Method::POST && is_cross_site(request.headers()) {
        return from_other_site().answer(request.headers(), Some(service));
    }
    let path = request.uri().path();
    let rest = path.strip_prefix("/manage/").unwrap_or_default();
    let (token, action) = rest.split_once('/').unwrap_or((rest, ""));
    let customer = match admin.verify_manage_link(token).await {
        Ok(customer) => customer,
        Err(error) => return unusable(&error).answer(request.headers(), Some(service)),
    };
    let holder = LinkHolder {
        customer: customer.id.clone(),
        base: &path[..path.len() - rest.len() + token.len()],
        service,
    };
    let answer = match (request.method().as_str(), action) {
        ("GET" | "HEAD", "") => show(admin, customer, &holder, request).await,
        ("POST", action) => act::act(admin, &holder, action, request).await,
        ("GET" | "HEAD", action) => act::preview(admin, &holder, action, request).await,
        _ => return Problem::method_not_allowed("GET, HEAD, POST").into_response(),
    };
    answer.unwrap_or_else(|Refused(problem)| problem.answer(request.headers(), Some(service)))
}

async fn show<W: Wiring>(
    admin: &Admin<W>,
    customer: Customer,
    holder: &LinkHolder<'_>,
    request: &Request,
) -> Result<Response<Body>, Refused> {
    let overview = admin.overview(customer).await?;
    let notice = Notice::of(request);
    let page = Page::of(&overview, holder.base, notice, admin)?;
    Ok(holder.page(&page))
}

/// Gives the same answer for a forged link, a revoked one, and one whose customer was removed.
fn unusable(error: &ManageLinkError) -> Problem {
    match error {
        ManageLinkError::Invalid(LinkError::Expired) => Problem::new(
            StatusCode::GONE,
            "link_expired",
            "This link was good for a day and has expired. Please ask whoever sent it to you for a new one.",
        ),
        ManageLinkError::Invalid(LinkError::Forged) | ManageLinkError::Revoked => Problem::new(
            StatusCode::FORBIDDEN,
            "link_unusable",
            "This link cannot be used. Please ask whoever sent it to you for a new one.",
        ),
        ManageLinkError::Store(error) => {
            tracing::error!(error = %causes(error), "the customer of a link could not be read");
            Problem::unavailable()
        }
    }
}

fn from_other_site() -> Problem {
    let detail = "This was sent by the page of another site, so nothing was done.";
    Problem::new(StatusCode::FORBIDDEN, "from_elsewhere", detail)
}
