//! The gateway: identifies the caller, checks limits and token, and journals every call.

use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::access::{self, Needs};
use super::answer::{self, Outcome};
use super::params::Params;
use super::{inject, oauth};
use crate::faults::{AppliedFault, Call};
use crate::journal::Entry;
use crate::lab::{Lab, Shared};
use crate::world::{Access, Admission, ForbiddenBecause, Refusal, Seat};

/// The gateway accepts no larger body.
const MAX_BODY: usize = 10 * 1024 * 1024;
/// Bodies up to this size are searched for the address that they are about.
const MAX_PEEK: usize = 64 * 1024;

/// Marks a response that must not be sent: the connection is closed instead.
#[derive(Clone, Copy)]
pub struct Cut;

/// The caller of an admitted API call.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub seat: Seat,
}

/// A call as the gateway sees it.
struct IncomingCall {
    method: Method,
    route: String,
    path: String,
    matched: bool,
    token: Option<String>,
    client_id: Option<String>,
    address: Option<String>,
    body_bytes: usize,
    accepts_json: bool,
}

pub async fn pass(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (mut parts, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, MAX_BODY).await {
        Ok(body) => body,
        Err(_) => {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return answer::gateway_message(status, "Request Entity Too Large");
        }
    };
    let matched = parts.extensions.get::<MatchedPath>();
    let incoming = IncomingCall::new(&parts.method, &parts.uri, &parts.headers, matched, &body);
    let (verdict, fault, mut open_entry) = shared.admit(incoming, started);
    let response = match verdict {
        Err(response) => *response,
        Ok(caller) => {
            parts.extensions.extend(caller_extensions(caller));
            let request = Request::from_parts(parts, body.into());
            inject::run(fault, request, next).await
        }
    };
    open_entry.close(&response);
    finish(response, open_entry.seq)
}

fn caller_extensions(caller: Option<Caller>) -> axum::http::Extensions {
    let mut extensions = axum::http::Extensions::new();
    if let Some(caller) = caller {
        extensions.insert(caller);
    }
    extensions
}

/// The headers every answer has.
fn finish(mut response: Response, seq: u64) -> Response {
    let id = Uuid::from_u64_pair(0x00cc_5a4d_b0c5_4000, seq).to_string();
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-amz-apigw-id", id.clone());
        headers.insert("x-amzn-requestid", id);
    }
    response
}

impl IncomingCall {
    fn new(
        method: &Method,
        uri: &axum::http::Uri,
        headers: &HeaderMap,
        matched: Option<&MatchedPath>,
        body: &Bytes,
    ) -> Self {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
        Self {
            method: method.clone(),
            route: matched.map_or(uri.path(), MatchedPath::as_str).to_owned(),
            path: uri.path().to_owned(),
            matched: matched.is_some(),
            token: bearer.map(str::to_owned),
            client_id: oauth::client_named(headers, uri, body),
            address: address_of(uri.query(), body),
            body_bytes: body.len(),
            accepts_json: accepts_json(headers),
        }
    }

    fn needs(&self) -> Option<Needs> {
        access::needs(&self.method, &self.route)
    }
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    let accept = accept.map_or("*/*", |value| value.to_str().unwrap_or_default());
    let json = ["application/json", "application/*", "*/*"];
    json.iter().any(|kind| accept.contains(kind))
}

/// The address that a call is about, for the journal and for faults.
fn address_of(query: Option<&str>, body: &Bytes) -> Option<String> {
    #[derive(Deserialize)]
    struct Peek {
        email_address: Option<Value>,
    }
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    if let Some(email) = params.get("email") {
        return Some(email.to_ascii_lowercase());
    }
    let small = Some(body).filter(|body| (1..=MAX_PEEK).contains(&body.len()))?;
    let email = serde_json::from_slice::<Peek>(small).ok()?.email_address?;
    let text = email.as_str().or_else(|| email.get("address")?.as_str());
    text.map(str::to_ascii_lowercase)
}

type Verdict = Result<Option<Caller>, Box<Response>>;

impl Shared {
    /// Counts, checks and journals a call under one lock, so that the limits are decided by the times in the journal.
    fn admit(
        &self,
        incoming: IncomingCall,
        started: Instant,
    ) -> (Verdict, Option<AppliedFault>, OpenEntry) {
        let mut lab = self.lab();
        let now = self.clock.now();
        let access = incoming
            .token
            .as_deref()
            .and_then(|token| lab.world.grants.access(token));
        let access = access.cloned();
        let client_id = match &access {
            Some(access) => Some(access.client_id.clone()),
            None => incoming.client_id.clone(),
        };
        let account = access.as_ref().map(|access| access.seat.account);
        let account = account.map(|at| lab.world.accounts[at].encoded_id.clone());
        let verdict = lab.check(&incoming, access.as_ref(), now);
        let call = Call {
            method: incoming.method.as_str(),
            route: &incoming.route,
            client_id: client_id.as_deref(),
            account: account.as_deref(),
            address: incoming.address.as_deref(),
        };
        let fault = if verdict.is_ok() {
            lab.faults.take_for(&call)
        } else {
            None
        };
        let seq = lab.journal.open(Entry {
            seq: 0,
            at: now,
            method: incoming.method.to_string(),
            route: incoming.route,
            path: incoming.path,
            client_id,
            account,
            address: incoming.address,
            body_bytes: incoming.body_bytes,
            status: None,
            outcome: "running".into(),
            fault: fault.as_ref().map(|fault| fault.id),
            took_us: 0,
        });
        drop(lab);
        (
            verdict,
            fault,
            OpenEntry {
                shared: self.clone(),
                seq,
                started,
                closed: false,
            },
        )
    }
}

impl Lab {
    fn check(
        &mut self,
        incoming: &IncomingCall,
        access: Option<&Access>,
        now: jiff::Timestamp,
    ) -> Verdict {
        if incoming.route.starts_with("/v3/") {
            return match incoming.needs().filter(|_| incoming.matched) {
                Some(needs) => self
                    .check_api(incoming, needs, access, now)
                    .map(Some)
                    .map_err(|refusal| Box::new(refusal.into_response())),
                // The router would serve a HEAD like a GET.
                None if incoming.matched => Err(Box::new(answer::wrong_method(&incoming.method))),
                // No such path: the router answers without requiring a token.
                None => Ok(None),
            };
        }
        if incoming.route == oauth::TOKEN_ROUTE
            && let Some(client_id) = &incoming.client_id
        {
            let throttle_body = self.settings.readings.token_throttle_body;
            let (world, context) = self.at(now);
            let admitted = world.admit_token_call(client_id, &context);
            return match admitted {
                Ok(()) => Ok(None),
                Err(refusal) => Err(Box::new(answer::token_refusal(&refusal, throttle_body))),
            };
        }
        Ok(None)
    }

    fn check_api(
        &mut self,
        incoming: &IncomingCall,
        needs: Needs,
        access: Option<&Access>,
        now: jiff::Timestamp,
    ) -> Result<Caller, Refusal> {
        let access = access.ok_or(Refusal::Unauthorized)?;
        let counted =
            self.settings.readings.throttled_calls_use_quota == crate::settings::Strict::Yes;
        let app = self
            .world
            .apps
            .get_mut(&access.client_id)
            .ok_or(Refusal::Unauthorized)?;
        if self.settings.limits {
            let (per_second, per_day) = (app.calls_per_second, app.calls_per_day);
            match app.calls.admit(now, per_second, per_day, counted) {
                Admission::Accepted => {}
                Admission::Throttled => return Err(Refusal::Throttled),
                Admission::QuotaExceeded => return Err(Refusal::QuotaExceeded),
            }
        }
        if !access.is_valid(now) {
            return Err(Refusal::Unauthorized);
        }
        if app.deactivated {
            return Err(Refusal::Forbidden(ForbiddenBecause::AppDeactivated));
        }
        if needs.scope.is_some_and(|scope| !access.scope.has(scope)) {
            return Err(Refusal::Forbidden(ForbiddenBecause::Scope));
        }
        let role = self.world.role(access.seat);
        if needs
            .privilege
            .is_some_and(|privilege| !role.has(privilege))
        {
            return Err(Refusal::Forbidden(ForbiddenBecause::Privilege));
        }
        if !incoming.accepts_json {
            return Err(Refusal::NotAcceptable);
        }
        Ok(Caller { seat: access.seat })
    }
}

/// An open journal entry; if it is dropped unclosed, the caller has gone away.
struct OpenEntry {
    shared: Shared,
    seq: u64,
    started: Instant,
    closed: bool,
}

impl OpenEntry {
    fn close(&mut self, response: &Response) {
        self.closed = true;
        let status = response.status();
        let cut = response.extensions().get::<Cut>().is_some();
        let outcome = match response.extensions().get::<Outcome>() {
            _ if cut => "cut".to_owned(),
            Some(outcome) => outcome.0.clone(),
            None if status.as_u16() < 400 => "ok".to_owned(),
            None => status.to_string(),
        };
        self.write((!cut).then(|| status.as_u16()), outcome);
    }

    fn write(&self, status: Option<u16>, outcome: String) {
        let took_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut lab = self.shared.lab();
        let entry = lab.journal.close(self.seq, |entry| {
            entry.status = status;
            entry.outcome = outcome;
            entry.took_us = took_us;
        });
        if let Some(entry) = entry.filter(|_| self.shared.live.receiver_count() > 0) {
            // It is no error if nobody watches any more.
            self.shared.live.send(entry.clone().into()).ok();
        }
    }
}

impl Drop for OpenEntry {
    fn drop(&mut self) {
        if !self.closed {
            self.write(None, "abandoned".into());
        }
    }
}
