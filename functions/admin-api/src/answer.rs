//! Maps the results and errors of use cases to HTTP responses.

use std::str::FromStr;

use lambda_http::http::header::WWW_AUTHENTICATE;
use lambda_http::http::{HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use leadfeed_shared::app::admin::{AdminError, Invalid, Saved};
use leadfeed_shared::domain::lead::FieldError;
use leadfeed_shared::ports::causes;
use leadfeed_shared::web::Problem;

/// The error response given in place of the requested result.
pub struct Refused(pub Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Invalid> for Refused {
    fn from(invalid: Invalid) -> Self {
        let detail = "Nothing was changed. Each invalid property is listed.";
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail);
        Self(problem.with_errors(invalid.errors))
    }
}

impl From<AdminError> for Refused {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::NotFound(what) => Self(Problem::not_found(what)),
            AdminError::Invalid(invalid) => invalid.into(),
            AdminError::CustomerDeleted => Self(Problem::new(
                StatusCode::CONFLICT,
                "customer_deleted",
                "A customer of this id was removed, and its leads are kept under it. Please choose another id.",
            )),
            AdminError::TooManyForms => Self(Problem::new(
                StatusCode::CONFLICT,
                "too_many_forms",
                "The customer has 200 forms, as many as it can have. Remove one that is no longer needed.",
            )),
            AdminError::FormChanging => Self(Problem::new(
                StatusCode::CONFLICT,
                "form_changing",
                "The form was being changed by others, so this change was not made. Please try again.",
            )),
            AdminError::Erased => Self(Problem::new(
                StatusCode::GONE,
                "lead_erased",
                "The person was erased, and so was the proof of their consent.",
            )),
            AdminError::SealBroken => Self(Problem::new(
                StatusCode::CONFLICT,
                "seal_broken",
                "The consent record was changed after it was sealed, so it proves nothing.",
            )),
            AdminError::NotQuarantined => Self(Problem::new(
                StatusCode::CONFLICT,
                "not_quarantined",
                "The lead is not set aside, so there is nothing to release.",
            )),
            AdminError::Unavailable(error) => {
                tracing::error!(
                    error = %causes(&error),
                    "the operator was not served"
                );
                Self(Problem::unavailable())
            }
        }
    }
}

/// Parses the id of an existing resource. A malformed one names nothing.
pub fn parsed<T: FromStr>(id: &str, what: &str) -> Result<T, Refused> {
    id.parse().map_err(|_| Problem::not_found(what).into())
}

/// Parses the id of a resource that may be created.
pub fn parsed_new<T: FromStr>(id: &str, property: &str) -> Result<T, Refused> {
    id.parse().map_err(|_| {
        let fault = FieldError {
            field: property.to_owned(),
            code: "malformed",
            message: "1 to 63 of a-z, 0-9, _ and - are needed, a letter or digit first".to_owned(),
        };
        Invalid {
            errors: vec![fault],
        }
        .into()
    })
}

/// 201 if something was created, else 200.
pub fn saved<T>(saved: &Saved<T>) -> StatusCode {
    if saved.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    }
}

/// 204.
pub fn done((): ()) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// 401 (RFC 6750).
pub fn unauthorized() -> Response<Body> {
    let detail = "The admin token is needed: Authorization: Bearer <token>.";
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail);
    let mut response = problem.into_response();
    let challenge = HeaderValue::from_static("Bearer realm=\"leadfeed\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}
