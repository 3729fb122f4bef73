//! The customer's way to a connection: the connect link, the authorization server and back, lists and terms.
//!
//! Decodes what came, calls [`Connect`], encodes the answer: a page, or a 303 to an address that says nothing.

mod asked;
mod pages;
mod trouble;

use lambda_http::http::{HeaderValue, StatusCode, header::SET_COOKIE};
use lambda_http::{Body, Request, Response};
use leadfeed_shared::app::connect::{
    Connect, ConnectError, Connected, Departure, Landing, SESSION_FOR, Session,
};
use leadfeed_shared::domain::connection::{ConnectionStatus, LimitedReason};
use leadfeed_shared::ports::{Clock as _, Wiring};
use leadfeed_shared::web::{Audience, Problem, page, see_other};

use self::asked::{Asked, COOKIE};

const LISTS: &str = "/connect/lists";
const ACCOUNT: &str = "/connect/account";
const AGAIN: &str = "/connect/again";
const DISCONNECT: &str = "/connect/disconnect";
const DONE: &str = "/connect/done";
const DECLINED: &str = "/connect/declined";
const DISCONNECTED: &str = "/connect/disconnected";
const TROUBLE: &str = "/connect/trouble/";

/// Answers one request. Never fails: what goes wrong is an answer too.
pub async fn handle<W: Wiring>(connect: &Connect<W>, request: Request) -> Response<Body> {
    let asked = Asked::from(&request);
    let session = connect.session(asked.cookie());
    let session = session.map(|session| session.fingerprint());
    let session = session.as_deref();
    let answer = match (request.method().as_str(), asked.path()) {
        ("POST", _) if asked.is_from_elsewhere() => Err(ConnectError::Session),
        ("GET", "/oauth/callback") => callback(connect, &asked).await,
        ("GET" | "HEAD", path) => show(connect, &asked, path, session).await,
        ("POST", path) => act(connect, &asked, path, session).await,
        _ => return Problem::method_not_allowed("GET, HEAD, POST").answer(request.headers()),
    };
    answer.unwrap_or_else(|error| {
        trouble::answer(&error, request.headers(), session, connect.clock.now())
    })
}

async fn show<W: Wiring>(
    connect: &Connect<W>,
    asked: &Asked<'_>,
    path: &str,
    session: Option<&str>,
) -> Result<Response<Body>, ConnectError> {
    let shown_to = session.unwrap_or_default();
    match path {
        LISTS => lists(&connect.connected(asked.cookie()).await?, shown_to),
        ACCOUNT => Ok(account(&connect.connected(asked.cookie()).await?, shown_to)),
        DONE => Ok(done(&connect.connected(asked.cookie()).await?, shown_to)),
        DECLINED => Ok(page(StatusCode::OK, &pages::Declined { session: shown_to })),
        DISCONNECTED => Ok(page(
            StatusCode::OK,
            &pages::Disconnected { session: shown_to },
        )),
        path => match path.strip_prefix(TROUBLE) {
            Some(name) => Ok(trouble::page_called(name, session, connect.clock.now())),
            None => welcome(connect, asked).await,
        },
    }
}

async fn welcome<W: Wiring>(
    connect: &Connect<W>,
    asked: &Asked<'_>,
) -> Result<Response<Body>, ConnectError> {
    let welcome = connect.show(asked.token(), asked.cookie()).await?;
    let page = page(StatusCode::OK, &pages::Welcome::of(&welcome));
    Ok(with_session(page, &welcome.session))
}

async fn act<W: Wiring>(
    connect: &Connect<W>,
    asked: &Asked<'_>,
    path: &str,
    session: Option<&str>,
) -> Result<Response<Body>, ConnectError> {
    let cookie = asked.cookie();
    if matches!(path, LISTS | ACCOUNT | AGAIN | DISCONNECT) {
        connect.is_shown_to(cookie, &asked.shown_to()?)?;
    }
    match path {
        LISTS => choose(connect, asked, session.unwrap_or_default()).await,
        ACCOUNT => {
            connect.confirm_account(cookie).await?;
            Ok(see_other(LISTS))
        }
        AGAIN => Ok(depart(&connect.start_again(cookie).await?)),
        DISCONNECT => {
            connect.disconnect(cookie).await?;
            Ok(see_other(DISCONNECTED))
        }
        _ => Ok(depart(&connect.start(asked.token(), cookie).await?)),
    }
}

/// Whatever comes of it, a browser goes on to another address: this one names a code, which is to stay in no history.
async fn callback<W: Wiring>(
    connect: &Connect<W>,
    asked: &Asked<'_>,
) -> Result<Response<Body>, ConnectError> {
    let landing = match connect.finish(asked.back(), asked.cookie()).await {
        Ok(landing) => landing,
        Err(error) if asked.audience() == Audience::Browser => {
            return Ok(see_other(&format!("{TROUBLE}{}", trouble::name(&error))));
        }
        Err(error) => return Err(error),
    };
    Ok(see_other(match landing {
        Landing::Declined => DECLINED,
        Landing::Lists => LISTS,
        Landing::OtherAccount => ACCOUNT,
    }))
}

async fn choose<W: Wiring>(
    connect: &Connect<W>,
    asked: &Asked<'_>,
    session: &str,
) -> Result<Response<Body>, ConnectError> {
    let choice = asked.choice()?;
    match connect.choose(asked.cookie(), choice.clone()).await {
        Ok(()) => Ok(see_other(DONE)),
        Err(ConnectError::NotReady) => Ok(see_other(LISTS)),
        Err(ConnectError::Choice(faults)) => {
            let connected = connect.connected(asked.cookie()).await?;
            let template = pages::Lists::after(&connected, session, &choice, &faults);
            Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &template))
        }
        Err(error) => Err(error),
    }
}

/// Lists and terms, or what stands in the way of choosing any.
fn lists(connected: &Connected, session: &str) -> Result<Response<Body>, ConnectError> {
    Ok(match &connected.connection.status {
        ConnectionStatus::Active => page(StatusCode::OK, &pages::Lists::of(connected, session)),
        ConnectionStatus::Disconnected => see_other(DISCONNECTED),
        ConnectionStatus::Limited {
            reason: LimitedReason::AccountChanged,
        } => see_other(ACCOUNT),
        ConnectionStatus::Limited {
            reason: LimitedReason::MissingPrivilege,
        } => page(StatusCode::OK, &pages::Powerless::of(connected, session)),
        ConnectionStatus::Limited { .. } => return Err(ConnectError::AppForbidden),
        ConnectionStatus::NeedsReconnect { .. } => return Err(ConnectError::NotConnected),
    })
}

fn account(connected: &Connected, session: &str) -> Response<Body> {
    match connected.connection.status {
        ConnectionStatus::Limited {
            reason: LimitedReason::AccountChanged,
        } => page(
            StatusCode::CONFLICT,
            &pages::OtherAccount::of(connected, session),
        ),
        _ => see_other(LISTS),
    }
}

fn done(connected: &Connected, session: &str) -> Response<Body> {
    match pages::Done::of(connected, session) {
        Some(done) => page(StatusCode::OK, &done),
        None => see_other(LISTS),
    }
}

fn depart(departure: &Departure) -> Response<Body> {
    with_session(see_other(departure.location.as_str()), &departure.session)
}

/// The cookie is for this host alone, never for scripts, and comes along from the authorization server's redirect.
fn with_session(mut response: Response<Body>, session: &Session) -> Response<Body> {
    let (value, age) = (session.cookie(), SESSION_FOR.as_secs());
    let cookie = format!("{COOKIE}={value}; Path=/; Max-Age={age}; Secure; HttpOnly; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
