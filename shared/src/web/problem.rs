use askama::Template;
use lambda_http::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use lambda_http::http::{HeaderMap, HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use problem_details::ProblemDetails;
use serde::Serialize;

use super::{Audience, audience, page};
use crate::domain::lead::{FieldError, Rejection};

/// An error as the caller sees it: RFC 9457, with a `code` that stays the same when words change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    extensions: Extensions,
    detail: String,
    retry_after: Option<u32>,
    allow: Option<String>,
}

/// Tells a layer that counts answers which problem an answer is; it is not sent.
#[derive(Debug, Clone, Copy)]
struct Code(&'static str);

/// The stable code of the problem that an answer is, if it is one.
#[must_use]
pub fn problem_of(answer: &Response<Body>) -> Option<&'static str> {
    answer.extensions().get::<Code>().map(|code| code.0)
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Extensions {
    code: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl Problem {
    /// A problem. `detail` is one of our own sentences and repeats nothing that the caller sent.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            extensions: Extensions {
                code,
                errors: vec![],
            },
            detail: detail.into(),
            retry_after: None,
            allow: None,
        }
    }

    /// 405, with the methods that there are, such as `GET, HEAD`.
    #[must_use]
    pub fn method_not_allowed(allow: impl Into<String>) -> Self {
        let allow = allow.into();
        let detail = format!("This address accepts {allow}.");
        Self {
            allow: Some(allow),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        }
    }

    /// 503: the request could not be carried out now and may be repeated.
    #[must_use]
    pub fn unavailable() -> Self {
        let detail = "This could not be done right now. Please try again.";
        Self {
            retry_after: Some(5),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
        }
    }

    /// 404: there is no such thing, or the caller may not know of it.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("There is no such {what}."),
        )
    }

    /// The same problem, with the seconds until a retry.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    /// The same problem with the invalid fields. A single one sets its code.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        if let [only] = errors.as_slice() {
            self.extensions.code = only.code;
        }
        self.extensions.errors = errors;
        self
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.extensions.code
    }

    /// Its detail.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The invalid fields.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.extensions.errors
    }

    /// Gives a page that was made for it this problem's status and retry time.
    #[must_use]
    pub fn with_headers_on(&self, mut page: Response<Body>) -> Response<Body> {
        *page.status_mut() = self.status;
        self.with_code_and_headers(page)
    }

    /// In the format that the caller reads: a page for a browser, problem details for a program.
    #[must_use]
    pub fn answer(self, request_headers: &HeaderMap, sender_name: Option<&str>) -> Response<Body> {
        match audience(request_headers) {
            Audience::Browser => self.into_page(sender_name),
            Audience::Program => self.into_response(),
        }
    }

    /// As a page.
    #[must_use]
    pub fn into_page(self, sender_name: Option<&str>) -> Response<Body> {
        let title = match self.status {
            StatusCode::NOT_FOUND => "There is nothing here",
            status if status.is_server_error() => "That did not work",
            _ => "That cannot be done",
        };
        let template = ProblemPage {
            title,
            detail: &self.detail,
            errors: &self.extensions.errors,
        };
        self.with_code_and_headers(page(sender_name, self.status, &template))
    }

    /// As `application/problem+json`.
    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let details = ProblemDetails::from_status_code(self.status)
            .with_detail(self.detail.clone())
            .with_extensions(self.extensions.clone());
        let mut response = json(self.status, &details);
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        self.with_code_and_headers(response)
    }

    fn with_code_and_headers(&self, mut response: Response<Body>) -> Response<Body> {
        response.extensions_mut().insert(Code(self.code()));
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(Ok(allow)) = self.allow.as_deref().map(HeaderValue::from_str) {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    title: &'a str,
    detail: &'a str,
    errors: &'a [FieldError],
}

impl From<Rejection> for Problem {
    /// 422. A single invalid field sets the problem's code.
    fn from(rejection: Rejection) -> Self {
        let detail = "The lead was not accepted. Each invalid field is listed.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_lead", detail)
            .with_errors(rejection.errors)
    }
}

/// A JSON answer that is not cached.
#[must_use]
pub fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_string(body).expect("our answers are plain data");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use lambda_http::http::header::ACCEPT;

    use super::*;

    #[test]
    fn problem_is_sent_as_problem_json_with_a_stable_code() {
        let rejection = Rejection {
            errors: vec![FieldError {
                field: "email".into(),
                code: "email_missing",
                message: "m".into(),
            }],
        };

        let response = Problem::from(rejection).into_response();

        assert_eq!(response.status(), 422);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let Body::Text(body) = response.body() else {
            panic!("no text")
        };
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["code"], "email_missing");
        assert_eq!(body["status"], 422);
        assert_eq!(body["title"], "Unprocessable Entity");
        assert_eq!(body["errors"][0]["field"], "email");
    }

    #[test]
    fn a_browser_gets_a_page_and_a_program_problem_details() {
        let answer = |accept: &'static str| {
            let request_headers =
                HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            Problem::not_found("form").answer(&request_headers, None)
        };

        let (page, details) = (answer("text/html,*/*;q=0.8"), answer("*/*"));

        assert_eq!(
            (page.status(), details.status()),
            (404.try_into().unwrap(), 404.try_into().unwrap())
        );
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        assert!(matches!(page.body(), Body::Text(html) if html.contains("There is no such form.")));
        assert_eq!(
            details.headers()["content-type"],
            "application/problem+json"
        );
    }

    #[test]
    fn problem_of_returns_the_code_of_any_answer_made_from_a_problem() {
        let problem = || Problem::not_found("form");
        let good = json(StatusCode::OK, &());

        for answer in [
            problem().into_response(),
            problem().into_page(None),
            problem().with_headers_on(json(StatusCode::OK, &())),
        ] {
            assert_eq!(problem_of(&answer), Some("not_found"));
        }
        assert_eq!(problem_of(&good), None);
    }

    #[test]
    fn unavailable_problem_has_a_retry_after_header() {
        assert_eq!(
            Problem::unavailable().into_response().headers()["retry-after"],
            "5"
        );
    }
}
