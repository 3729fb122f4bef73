//! An API call that the gateway has admitted, as its handler reads it.

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Path, Request};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, RequestPartsExt as _};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::gateway::Caller;
use super::paging::Paging;
use super::params::Params;
use crate::contract::{self, Id, Violation};
use crate::lab::Shared;
use crate::world::{Account, Context, Refusal, Seat};

pub struct Call {
    pub shared: Shared,
    pub seat: Seat,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The id in the path; empty if there is none.
    id: String,
    query: Option<String>,
}

impl FromRequest<Shared> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let caller = parts.extract::<Extension<Caller>>().await;
        let Extension(caller) = caller.map_err(IntoResponse::into_response)?;
        let id = parts.extract::<Option<Path<String>>>().await;
        let id = id.map_err(IntoResponse::into_response)?;
        let body = to_bytes(body, usize::MAX).await; // the gateway has read it before
        Ok(Self {
            shared: shared.clone(),
            seat: caller.seat,
            body: body.unwrap_or_default(),
            id: id.map(|Path(id)| id).unwrap_or_default(),
            query: parts.uri.query().map(str::to_owned),
            headers: parts.headers,
        })
    }
}

impl Call {
    /// Reads the caller's account as it is now.
    pub fn read_account<R>(&self, read: impl FnOnce(&Account, Timestamp) -> R) -> R {
        self.change_account(|account, context| read(account, context.now))
    }

    /// Changes the caller's account.
    pub fn change_account<R>(&self, change: impl FnOnce(&mut Account, &mut Context<'_>) -> R) -> R {
        self.shared
            .with_world(|world, context| change(&mut world.accounts[self.seat.account], context))
    }

    /// The id in its path; `name` is used in the error.
    pub fn id(&self, name: &str) -> Result<Uuid, Refusal> {
        let id: Result<Id, _> = self.id.parse();
        id.map(|id| id.0)
            .map_err(|_| Refusal::NotFound(format!("{name} is in an invalid format.")))
    }

    /// Its query, which may have only these parameters.
    pub fn params(&self, names: &[&str]) -> Result<Params, Refusal> {
        Params::of_query(self.query.as_deref(), names)
    }

    /// The same, with a page of at most `max`.
    pub fn paging(
        &self,
        path: &'static str,
        max: usize,
        filters: &[&str],
    ) -> Result<Paging, Refusal> {
        Paging::read(self.query.as_deref(), path, max, filters)
    }

    /// Its JSON body, parsed by our contract.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Refusal> {
        self.json_by(contract::parse)
    }

    /// The same, with another parser.
    pub fn json_by<'a, T>(
        &'a self,
        read: impl FnOnce(&'a [u8]) -> Result<T, Violation>,
    ) -> Result<T, Refusal> {
        require_json(&self.headers)?;
        read(&self.body).map_err(|Violation(why)| Refusal::BrokenContract(why))
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next());
    match media_type {
        Some(kind) if kind.trim().eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(Refusal::UnsupportedMediaType),
    }
}
