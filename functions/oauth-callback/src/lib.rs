//! The steps by which a customer connects: the connect link, the authorization server and back, lists and terms.
//!
//! Decodes a request, calls [`Connect`], encodes the answer: a page, or a 303 to an address that reveals nothing.

mod error_page;
mod pages;
mod request;

use askama::Template;
use lambda_http::http::{HeaderValue, StatusCode, header::SET_COOKIE};
use lambda_http::{Body, Request, Response};
use leadfeed_shared::app::connect::{
    AuthorizationRedirect, CallbackOutcome, Connect, ConnectError, Connected, SESSION_LIFETIME,
    Session,
};
use leadfeed_shared::domain::connection::{ConnectionStatus, LimitedReason};
use leadfeed_shared::ports::{Clock as _, Wiring};
use leadfeed_shared::web::{Audience, Problem, page, see_other};

use self::error_page::Failure;
use self::request::{BrowserRequest, COOKIE};

const LISTS: &str = "/connect/lists";
const ACCOUNT: &str = "/connect/account";
const AGAIN: &str = "/connect/again";
const DISCONNECT: &str = "/connect/disconnect";
const DONE: &str = "/connect/done";
const DECLINED: &str = "/connect/declined";
const DISCONNECTED: &str = "/connect/disconnected";
const TROUBLE: &str = "/connect/trouble/";

/// Who visits, and whose pages.
#[derive(Debug, Clone, Copy)]
struct Visit<'a> {
    /// The service's name.
    service: &'a str,
    /// The name of the browser's session in our forms, if it has one.
    session: Option<&'a str>,
}

impl Visit<'_> {
    fn session(&self) -> &str {
        self.session.unwrap_or_default()
    }

    fn page(&self, status: StatusCode, template: &impl Template) -> Response<Body> {
        page(Some(self.service), status, template)
    }
}

/// Answers one request. Never fails: errors are answers too.
pub async fn handle<W: Wiring>(connect: &Connect<W>, request: Request) -> Response<Body> {
    let browser = BrowserRequest::from(&request);
    let session = connect.session(browser.cookie());
    let session = session.map(|session| session.fingerprint());
    let visit = Visit {
        service: &connect.site.service,
        session: session.as_deref(),
    };
    let answer = match (request.method().as_str(), browser.path()) {
        ("POST", _) if browser.is_from_elsewhere() => Err(ConnectError::Session.into()),
        ("GET", "/oauth/callback") => callback(connect, &browser).await.map_err(Failure::from),
        ("GET" | "HEAD", path) => show(connect, &browser, path, visit).await,
        ("POST", path) => act(connect, &browser, path, visit).await,
        _ => {
            let problem = Problem::method_not_allowed("GET, HEAD, POST");
            return problem.answer(request.headers(), Some(visit.service));
        }
    };
    answer.unwrap_or_else(|failure| {
        error_page::answer(&failure, request.headers(), visit, connect.clock.now())
    })
}

async fn show<W: Wiring>(
    connect: &Connect<W>,
    browser: &BrowserRequest<'_>,
    path: &str,
    visit: Visit<'_>,
) -> Result<Response<Body>, Failure> {
    let (cookie, session) = (browser.cookie(), visit.session());
    match path {
        LISTS => Ok(lists(connect, &connect.connected(cookie).await?, visit).await?),
        ACCOUNT => Ok(account(&connect.connected(cookie).await?, visit)),
        DONE => Ok(done(&connect.connected(cookie).await?, visit)),
        DECLINED => Ok(visit.page(StatusCode::OK, &pages::Declined { session })),
        DISCONNECTED => Ok(visit.page(StatusCode::OK, &pages::Disconnected { session })),
        path => match path.strip_prefix(TROUBLE) {
            Some(name) => Ok(error_page::page_by_name(name, visit, connect.clock.now())),
            None => {
                let shown = welcome(connect, browser, visit).await;
                shown.map_err(Failure::on_link)
            }
        },
    }
}

async fn welcome<W: Wiring>(
    connect: &Connect<W>,
    browser: &BrowserRequest<'_>,
    visit: Visit<'_>,
) -> Result<Response<Body>, ConnectError> {
    let welcome = connect.show(browser.token(), browser.cookie()).await?;
    let page = visit.page(StatusCode::OK, &pages::Welcome::of(&welcome));
    Ok(with_session(page, &welcome.session))
}

async fn act<W: Wiring>(
    connect: &Connect<W>,
    browser: &BrowserRequest<'_>,
    path: &str,
    visit: Visit<'_>,
) -> Result<Response<Body>, Failure> {
    let cookie = browser.cookie();
    if matches!(path, LISTS | ACCOUNT | AGAIN | DISCONNECT) {
        connect.check_form_session(cookie, &browser.shown_to()?)?;
    }
    match path {
        LISTS => Ok(choose(connect, browser, visit).await?),
        ACCOUNT => {
            let shown = browser.account()?;
            connect.confirm_account(cookie, shown.as_deref()).await?;
            Ok(see_other(LISTS))
        }
        AGAIN => Ok(redirect(&connect.start_again(cookie).await?)),
        DISCONNECT => {
            connect.disconnect(cookie).await?;
            Ok(see_other(DISCONNECTED))
        }
        _ => {
            let started = connect.start(browser.token(), cookie).await;
            Ok(redirect(&started.map_err(Failure::on_link)?))
        }
    }
}

/// Always redirects the browser to another address: this one contains a code, which must not stay in the history.
async fn callback<W: Wiring>(
    connect: &Connect<W>,
    browser: &BrowserRequest<'_>,
) -> Result<Response<Body>, ConnectError> {
    let outcome = match connect
        .handle_callback(browser.callback_params(), browser.cookie())
        .await
    {
        Ok(outcome) => outcome,
        Err(error) if browser.audience() == Audience::Browser => {
            return Ok(see_other(&format!("{TROUBLE}{}", error_page::name(&error))));
        }
        Err(error) => return Err(error),
    };
    Ok(see_other(match outcome {
        CallbackOutcome::Declined => DECLINED,
        CallbackOutcome::Lists => LISTS,
        CallbackOutcome::OtherAccount => ACCOUNT,
    }))
}

async fn choose<W: Wiring>(
    connect: &Connect<W>,
    browser: &BrowserRequest<'_>,
    visit: Visit<'_>,
) -> Result<Response<Body>, ConnectError> {
    let choice = browser.choice()?;
    match connect.choose(browser.cookie(), choice.clone()).await {
        Ok(()) => Ok(see_other(DONE)),
        Err(ConnectError::NotReady) => Ok(see_other(LISTS)),
        Err(error @ (ConnectError::Choice(_) | ConnectError::NoNewList(_))) => {
            let connected = connect.connected(browser.cookie()).await?;
            let waiting = connect.waiting(&connected).await;
            let template = pages::Lists::after(&connected, visit.session(), &choice, &error);
            let template = template.with_waiting(waiting);
            let now = connect.clock.now();
            Ok(error_page::answer_with(&error, visit, &template, now))
        }
        Err(error) => Err(error),
    }
}

/// Lists and terms, or the reason why none can be chosen.
async fn lists<W: Wiring>(
    connect: &Connect<W>,
    connected: &Connected,
    visit: Visit<'_>,
) -> Result<Response<Body>, ConnectError> {
    let session = visit.session();
    Ok(match &connected.connection.status {
        ConnectionStatus::Active => {
            let waiting = connect.waiting(connected).await;
            let template = pages::Lists::of(connected, session).with_waiting(waiting);
            visit.page(StatusCode::OK, &template)
        }
        ConnectionStatus::Disconnected => see_other(DISCONNECTED),
        ConnectionStatus::Limited {
            reason: LimitedReason::AccountChanged,
        } => see_other(ACCOUNT),
        ConnectionStatus::Limited {
            reason: LimitedReason::MissingPrivilege,
        } => visit.page(StatusCode::OK, &pages::Powerless::of(connected, session)),
        ConnectionStatus::Limited { .. } => return Err(ConnectError::AppForbidden),
        ConnectionStatus::NeedsReconnect { .. } => return Err(ConnectError::NotConnected),
    })
}

fn account(connected: &Connected, visit: Visit<'_>) -> Response<Body> {
    match connected.connection.status {
        ConnectionStatus::Limited {
            reason: LimitedReason::AccountChanged,
        } => visit.page(
            StatusCode::CONFLICT,
            &pages::OtherAccount::of(connected, visit.session()),
        ),
        _ => see_other(LISTS),
    }
}

fn done(connected: &Connected, visit: Visit<'_>) -> Response<Body> {
    match pages::Done::of(connected, visit.session()) {
        Some(done) => visit.page(StatusCode::OK, &done),
        None => see_other(LISTS),
    }
}

fn redirect(to: &AuthorizationRedirect) -> Response<Body> {
    with_session(see_other(to.location.as_str()), &to.session)
}

/// The cookie is for this host only, hidden from scripts, and sent with the authorization server's redirect.
fn with_session(mut response: Response<Body>, session: &Session) -> Response<Body> {
    let (value, age) = (session.cookie(), SESSION_LIFETIME.as_secs());
    let cookie = format!("{COOKIE}={value}; Path=/; Max-Age={age}; Secure; HttpOnly; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
