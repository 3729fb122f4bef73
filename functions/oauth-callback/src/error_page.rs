//! Error pages: what to tell a person when a step failed. The template says what happened and what to do now.

use askama::Template;
use jiff::Timestamp;
use lambda_http::http::{HeaderMap, StatusCode};
use lambda_http::{Body, Response};
use leadfeed_shared::app::connect::ConnectError;
use leadfeed_shared::domain::token::{GrantError, SCOPES};
use leadfeed_shared::ports::{StoreError, causes};
use leadfeed_shared::web::{Audience, Problem, audience};

use crate::Visit;

/// The same text for a program.
#[derive(Template)]
#[template(
    source = r#"{% import "error_texts.html" as words %}{% call words::text(error) %}{% endcall %}"#,
    ext = "txt"
)]
struct Words<'a> {
    error: &'a ConnectError,
}

/// Seconds until a retry after something was busy or out of order.
const RETRY_AFTER: u32 = 5;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    error: &'a ConnectError,
    session: &'a str,
    code: &'static str,
    next: Next,
}

/// Why a request failed.
pub struct Failure {
    error: ConnectError,
    /// Whether the request was for a connect link, which such a failure does not use up.
    on_link: bool,
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let on_link = false;
        Self { error, on_link }
    }
}

impl Failure {
    /// A failure of a request for a connect link.
    pub fn on_link(error: ConnectError) -> Self {
        let on_link = true;
        Self { error, on_link }
    }
}

/// The button that the page offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// None.
    Nothing,
    /// Open the same link once more.
    Link,
    /// Sign in at Constant Contact once more.
    Again,
    /// Continue to the lists.
    Lists,
}

/// The failure in the format that the caller reads.
pub fn answer(
    Failure { error, on_link }: &Failure,
    headers: &HeaderMap,
    visit: Visit<'_>,
    now: Timestamp,
) -> Response<Body> {
    log(error);
    match audience(headers) {
        Audience::Browser => page_of(error, next(error, *on_link), visit, now),
        Audience::Program => {
            let words = Words { error }.render();
            let words = words.unwrap_or_else(|_| error.to_string());
            problem(error, words, now).into_response()
        }
    }
}

/// The name of the error that ended an authorization; [`page_by_name`] shows its page.
pub fn name(error: &ConnectError) -> String {
    log(error);
    name_of(error)
}

fn name_of(error: &ConnectError) -> String {
    let code = status_and_code(error).1;
    match error {
        ConnectError::NoCalls { until } => format!("{code}/{}", until.as_second()),
        _ => code.to_owned(),
    }
}

/// The error for a name that says until when there are no calls.
fn no_calls(name: &str) -> Option<ConnectError> {
    let (_, second) = name.split_once('/')?;
    let until = Timestamp::from_second(second.parse().ok()?).ok()?;
    Some(ConnectError::NoCalls { until })
}

/// The page of the error of this name. An unknown name means that nobody was redirected here, and so does an error of
/// ours without a session: a 5xx raises an alarm, and opening an address must not.
pub fn page_by_name(name: &str, visit: Visit<'_>, now: Timestamp) -> Response<Body> {
    use ConnectError as E;
    let missing = SCOPES.map(|scope| E::Grant(GrantError::MissingScope(scope)));
    let others = [
        E::UnknownState,
        E::UsedState { connected: true },
        E::UsedState { connected: false },
        E::OtherBrowser,
        E::WrongIssuer,
        E::AppRefused,
        E::AppUnknown,
        E::AppForbidden,
        E::CodeRefused,
        E::Grant(GrantError::NoRefreshToken),
        E::MissingPrivilege,
        E::UserTaken,
        E::Unavailable,
        E::Busy,
        E::Store(StoreError::new("of the step before")),
    ];
    let error = others
        .into_iter()
        .chain(missing)
        .chain(no_calls(name))
        .find(|error| name_of(error) == name)
        .filter(|error| visit.session.is_some() || !status_and_code(error).0.is_server_error());
    let error = error.unwrap_or(E::Incomplete);
    page_of(&error, next(&error, false), visit, now)
}

fn log(error: &ConnectError) {
    match error {
        ConnectError::NoNewList(cause) => log(cause),
        ConnectError::Store(error) => tracing::error!(
            error = %causes(error),
            "a step of connecting was not done"
        ),
        _ => {}
    }
}

/// A page that itself shows what failed, with the status and the headers of the error.
pub fn answer_with(
    error: &ConnectError,
    visit: Visit<'_>,
    template: &impl Template,
    now: Timestamp,
) -> Response<Body> {
    log(error);
    with_template(error, visit, template, now)
}

/// The error as a page.
fn page_of(error: &ConnectError, next: Next, visit: Visit<'_>, now: Timestamp) -> Response<Body> {
    let page = ErrorPage {
        error,
        session: visit.session(),
        code: status_and_code(error).1,
        next,
    };
    with_template(error, visit, &page, now)
}

fn with_template(
    error: &ConnectError,
    visit: Visit<'_>,
    template: &impl Template,
    now: Timestamp,
) -> Response<Body> {
    let problem = problem(error, error.to_string(), now);
    problem.with_headers_on(visit.page(problem.status(), template))
}

fn problem(error: &ConnectError, detail: String, now: Timestamp) -> Problem {
    if let ConnectError::NoNewList(cause) = error {
        return problem(cause, detail, now);
    }
    let (status, code) = status_and_code(error);
    let problem = Problem::new(status, code, detail);
    match error {
        ConnectError::Busy | ConnectError::Store(_) => problem.retry_after(RETRY_AFTER),
        ConnectError::NoCalls { until } => {
            let wait = u32::try_from(until.duration_since(now).as_secs());
            problem.retry_after(wait.unwrap_or(RETRY_AFTER))
        }
        _ => problem,
    }
}

fn status_and_code(error: &ConnectError) -> (StatusCode, &'static str) {
    use ConnectError as E;
    match error {
        E::Link => (StatusCode::FORBIDDEN, "link_unusable"),
        E::NoCookie => (StatusCode::FORBIDDEN, "cookie_missing"),
        E::Session => (StatusCode::FORBIDDEN, "session_missing"),
        E::SessionReplaced => (StatusCode::CONFLICT, "session_replaced"),
        E::NotConnected => (StatusCode::CONFLICT, "not_connected"),
        E::Incomplete => (StatusCode::BAD_REQUEST, "callback_incomplete"),
        E::UnknownState => (StatusCode::BAD_REQUEST, "state_unknown"),
        E::UsedState { connected: true } => (StatusCode::BAD_REQUEST, "state_used"),
        E::UsedState { connected: false } => (StatusCode::CONFLICT, "state_in_use"),
        E::OtherBrowser => (StatusCode::FORBIDDEN, "browser_unknown"),
        E::WrongIssuer => (StatusCode::BAD_REQUEST, "issuer_wrong"),
        E::AppRefused => (StatusCode::BAD_REQUEST, "app_refused"),
        E::AppUnknown => (StatusCode::SERVICE_UNAVAILABLE, "app_unknown"),
        E::AppForbidden => (StatusCode::FORBIDDEN, "app_forbidden"),
        E::CodeRefused => (StatusCode::BAD_REQUEST, "code_refused"),
        E::Grant(GrantError::NoRefreshToken) => (StatusCode::BAD_REQUEST, "offline_access_missing"),
        E::Grant(GrantError::MissingScope("account_read")) => {
            (StatusCode::BAD_REQUEST, "account_read_missing")
        }
        E::Grant(GrantError::MissingScope(_)) => (StatusCode::BAD_REQUEST, "contact_data_missing"),
        E::MissingPrivilege => (StatusCode::FORBIDDEN, "privilege_missing"),
        E::UserTaken => (StatusCode::CONFLICT, "user_taken"),
        E::Unavailable => (StatusCode::BAD_GATEWAY, "constant_contact_unavailable"),
        E::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        E::NoCalls { .. } => (StatusCode::SERVICE_UNAVAILABLE, "no_calls"),
        E::NotReady => (StatusCode::CONFLICT, "not_ready"),
        E::Choice(_) => (StatusCode::UNPROCESSABLE_ENTITY, "choice_invalid"),
        E::NoNewList(cause) => status_and_code(cause),
        E::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        E::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    }
}

fn next(error: &ConnectError, on_link: bool) -> Next {
    use ConnectError as E;
    match error {
        E::NoCookie | E::AppUnknown | E::Busy | E::Store(_) if on_link => Next::Link,
        E::UsedState { .. } | E::NotReady | E::Choice(_) | E::NoNewList(_) | E::TooLong => {
            Next::Lists
        }
        E::NotConnected
        | E::WrongIssuer
        | E::AppUnknown
        | E::CodeRefused
        | E::Grant(_)
        | E::MissingPrivilege
        | E::UserTaken
        | E::Unavailable
        | E::Busy
        | E::Store(_) => Next::Again,
        _ => Next::Nothing,
    }
}
