//! The login and token service.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::Url;

use super::answer::{page, token_refusal};
use super::params::Params;
use crate::lab::Shared;
use crate::pages;
use crate::settings::{ExpiresIn, LongLivedRefresh, Settings, Tolerance};
use crate::world::{
    AuthorizeError, AuthorizeRequest, Grant, RefreshAnswer, TokenRefusal, TokenRequest, Tokens,
};

pub const TOKEN_ROUTE: &str = "/oauth2/default/v1/token";

/// Parameters that may come only once.
const SINGLE: [&str; 7] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];

pub async fn authorize(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    let grant = match check(&shared, &params) {
        Ok(grant) => grant,
        Err(error) => return refuse(error),
    };
    shared.with_world(|world, _| pages::consent(world, &grant, params.filters()))
}

/// The person's decision: Allow sends a code to the client, Deny an error.
pub async fn consent(State(shared): State<Shared>, body: Bytes) -> Response {
    let params = Params::parse(&body);
    let grant = match check(&shared, &params) {
        Ok(grant) => grant,
        Err(error) => return refuse(error),
    };
    let (uri, state) = (grant.redirect_uri.clone(), grant.state.clone());
    let denied = |error, description| {
        refuse(AuthorizeError::Redirect {
            uri: uri.clone(),
            state: state.clone(),
            error,
            description,
        })
    };
    match params.get("decision") {
        Some("allow") => {}
        Some("deny") => return denied("access_denied", "The resource owner denied the request."),
        _ => return page(StatusCode::BAD_REQUEST, "400 - Choose Allow or Deny"),
    }
    let allowed = shared.with_world(|world, context| {
        let seat = world.seat(params.get("user")?)?;
        Some(world.allow(grant, seat, context))
    });
    match allowed {
        None => page(StatusCode::BAD_REQUEST, "400 - Choose one of the users"),
        Some(Err(error)) => refuse(error),
        Some(Ok(code)) => {
            redirect_to_client(&uri, &[("code", Some(&code)), ("state", state.as_deref())])
        }
    }
}

fn check(shared: &Shared, params: &Params) -> Result<Grant, AuthorizeError> {
    if params.repeats(&SINGLE) {
        return Err(AuthorizeError::Page("400 - A parameter is given twice"));
    }
    let request = AuthorizeRequest {
        client_id: params.get("client_id"),
        redirect_uri: params.get("redirect_uri"),
        response_type: params.get("response_type"),
        scope: params.get("scope"),
        state: params.get("state"),
        code_challenge: params.get("code_challenge"),
        code_challenge_method: params.get("code_challenge_method"),
    };
    shared.with_world(|world, context| world.check_authorize(&request, context))
}

fn refuse(error: AuthorizeError) -> Response {
    match error {
        AuthorizeError::Page(title) => page(StatusCode::BAD_REQUEST, title),
        AuthorizeError::Redirect {
            uri,
            state,
            error,
            description,
        } => redirect_to_client(
            &uri,
            &[
                ("state", state.as_deref()),
                ("error", Some(error)),
                ("error_description", Some(description)),
            ],
        ),
    }
}

fn redirect_to_client(uri: &str, pairs: &[(&str, Option<&str>)]) -> Response {
    let Ok(mut url) = Url::parse(uri) else {
        return page(
            StatusCode::BAD_REQUEST,
            "400 - The redirect_uri is not a URL",
        );
    };
    let present = pairs
        .iter()
        .filter_map(|(name, value)| Some((name, (*value)?)));
    url.query_pairs_mut().extend_pairs(present);
    let location = HeaderValue::try_from(url.as_str());
    match location {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Err(_) => Redirect::to("/").into_response(),
    }
}

/// The client that a token request names, authenticated or not.
pub fn client_named(headers: &HeaderMap, uri: &Uri, body: &Bytes) -> Option<String> {
    if uri.path() != TOKEN_ROUTE {
        return None;
    }
    let named = basic(headers).map(|(id, _)| id);
    named.or_else(|| Params::parse(body).get("client_id").map(str::to_owned))
}

/// Client id and secret of a Basic header, form-decoded as RFC 6749 requires.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let decoded = STANDARD.decode(value.strip_prefix("Basic ")?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    let first = pairs.next().filter(|(_, value)| value.is_empty());
    first.map_or_else(|| text.to_owned(), |(name, _)| name.into_owned())
}

pub async fn token(
    State(shared): State<Shared>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let settings = shared.lab().settings.clone();
    match exchange(&shared, &settings, &headers, query.as_deref(), &body) {
        Ok(body) => {
            let no_store = [
                (header::CACHE_CONTROL, "no-store"),
                (header::PRAGMA, "no-cache"),
            ];
            (no_store, Json(body)).into_response()
        }
        Err(refusal) => token_refusal(&refusal, settings.readings.token_throttle_body),
    }
}

fn exchange(
    shared: &Shared,
    settings: &Settings,
    headers: &HeaderMap,
    query: Option<&str>,
    body: &Bytes,
) -> Result<Value, TokenRefusal> {
    require_form(headers)?;
    let mut params = Params::parse(body);
    params.extend(Params::parse(query.unwrap_or_default().as_bytes()));
    let (client_id, secret) = client_of(headers, &params, settings)?;
    let request = request_of(&params)?;
    let tokens =
        shared.with_world(|world, context| world.token(&client_id, &secret, request, context))?;
    let signed = shared.sign(&tokens);
    let signed = signed.map_err(|_| TokenRefusal::Unavailable)?;
    Ok(token_body(&tokens, &signed, settings))
}

fn require_form(headers: &HeaderMap) -> Result<(), TokenRefusal> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let media_type = text(header::CONTENT_TYPE)
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let form = media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    let json = text(header::ACCEPT).contains("application/json");
    if form && json {
        Ok(())
    } else {
        Err(TokenRefusal::MediaType)
    }
}

/// Authenticates the client by Basic; accepting a secret in the body is another reading.
fn client_of(
    headers: &HeaderMap,
    params: &Params,
    settings: &Settings,
) -> Result<(String, String), TokenRefusal> {
    let in_body = params.get("client_id").zip(params.get("client_secret"));
    match (basic(headers), in_body) {
        (Some(_), Some(_)) => Err(TokenRefusal::InvalidRequest(
            "Only one way of client authentication may be used.",
        )),
        (Some(client), None) => Ok(client),
        (None, Some((id, secret)))
            if settings.readings.client_secret_in_body == Tolerance::Accept =>
        {
            Ok((id.to_owned(), secret.to_owned()))
        }
        (None, _) => Err(TokenRefusal::InvalidClient),
    }
}

fn request_of(params: &Params) -> Result<TokenRequest, TokenRefusal> {
    const NAMES: [&str; 6] = [
        "grant_type",
        "code",
        "redirect_uri",
        "code_verifier",
        "refresh_token",
        "scope",
    ];
    if params.repeats(&NAMES) {
        return Err(TokenRefusal::InvalidRequest("A parameter is given twice."));
    }
    let owned = |name| params.get(name).map(str::to_owned);
    match params.get("grant_type") {
        None => Err(TokenRefusal::InvalidRequest(
            "The grant_type parameter is missing.",
        )),
        Some("authorization_code") => Ok(TokenRequest::Code {
            code: owned("code").ok_or(TokenRefusal::InvalidRequest(
                "The code parameter is missing.",
            ))?,
            redirect_uri: owned("redirect_uri"),
            verifier: owned("code_verifier"),
        }),
        Some("refresh_token") => Ok(TokenRequest::Refresh {
            token: owned("refresh_token").ok_or(TokenRefusal::InvalidRequest(
                "The refresh_token parameter is missing.",
            ))?,
            scope: owned("scope"),
        }),
        Some(_) => Err(TokenRefusal::UnsupportedGrantType),
    }
}

fn token_body(tokens: &Tokens, signed: &str, settings: &Settings) -> Value {
    let readings = &settings.readings;
    let access = &tokens.access;
    let life = access.expires_at.duration_since(tokens.issued_at);
    let expires_in = match readings.expires_in {
        ExpiresIn::Duration => life.as_secs(),
        ExpiresIn::Epoch => access.expires_at.as_second(),
    };
    let mut body = json!({
        "token_type": "Bearer",
        "expires_in": expires_in,
        "access_token": signed,
        "scope": access.scope.to_string(),
    });
    let refresh = match (&tokens.refresh, readings.long_lived_refresh) {
        (RefreshAnswer::New(token), _)
        | (RefreshAnswer::Unchanged(token), LongLivedRefresh::Same) => Some(token.as_str()),
        (RefreshAnswer::Unchanged(_), LongLivedRefresh::Empty) => Some(""),
        (RefreshAnswer::None, _) | (RefreshAnswer::Unchanged(_), LongLivedRefresh::Missing) => None,
    };
    if let Some(token) = refresh {
        body["refresh_token"] = json!(token);
    }
    body
}

pub async fn keys(State(shared): State<Shared>) -> Json<Value> {
    Json(shared.signer.jwks())
}
