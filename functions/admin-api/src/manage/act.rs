//! What the page's buttons do.

use lambda_http::{Body, Request, Response};
use leadfeed_shared::app::admin::Admin;
use leadfeed_shared::ports::Wiring;
use leadfeed_shared::web::{Problem, see_other};

use super::Bearer;
use crate::answer::Refused;

/// Whether another site's page sent this, which browsers say of themselves.
pub fn is_from_elsewhere(request: &Request) -> bool {
    let site = request.headers().get("sec-fetch-site");
    site.is_some_and(|site| site == "cross-site")
}

/// Does what a form asks for, then leads back to the page.
pub async fn act<W: Wiring>(
    admin: &Admin<W>,
    bearer: &Bearer<'_>,
    action: &str,
    _request: &Request,
) -> Result<Response<Body>, Refused> {
    let customer = &bearer.customer;
    match action {
        "connect" => Ok(see_other(&admin.connect_link(customer).await?.url)),
        "disconnect" => {
            admin.disconnect(customer).await?;
            Ok(bearer.back("disconnected"))
        }
        _ => Err(Problem::not_found("page").into()),
    }
}

/// Shows what a link of the page leads to.
pub async fn ask<W: Wiring>(
    _admin: &Admin<W>,
    _bearer: &Bearer<'_>,
    _action: &str,
    _request: &Request,
) -> Result<Response<Body>, Refused> {
    Err(Problem::not_found("page").into())
}

impl Bearer<'_> {
    /// To the page, which says what was done.
    fn back(&self, done: &str) -> Response<Body> {
        see_other(&format!("{}?done={done}", self.base))
    }
}
