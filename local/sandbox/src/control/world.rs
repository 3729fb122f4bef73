//! Apps, tokens and a fresh start.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Body, Refused, not_found};
use crate::lab::Shared;
use crate::signer::SigningFailed;
use crate::world::{App, RefreshAnswer, ScopeSet, TokenKind, World};

fn view(app: &App, now: jiff::Timestamp) -> Value {
    json!({
        "client_id": app.client_id,
        "name": app.name,
        "redirect_uris": app.redirect_uris,
        "token_kind": app.token_kind,
        "calls_per_second": app.calls_per_second,
        "calls_per_day": app.calls_per_day,
        "used_today": app.calls.used_today(now),
        "deactivated": app.deactivated,
        "private_to": app.private_to,
    })
}

/// Restores the initial world; apps stay registered but have used nothing.
pub async fn reset(State(shared): State<Shared>) -> StatusCode {
    let now = shared.clock.now();
    let mut lab = shared.lab();
    let lab = &mut *lab;
    let old = std::mem::replace(&mut lab.world, World::seeded(now, &mut lab.dice));
    for app in old.apps.into_values() {
        let fresh = App {
            calls: Default::default(),
            token_calls: Default::default(),
            deactivated: false,
            ..app
        };
        lab.world.apps.insert(fresh.client_id.clone(), fresh);
    }
    lab.settings = lab.initial_settings.clone();
    lab.faults.clear();
    lab.journal.clear();
    StatusCode::NO_CONTENT
}

pub async fn apps(State(shared): State<Shared>) -> Json<Value> {
    let now = shared.clock.now();
    let lab = shared.lab();
    Json(lab.world.apps.values().map(|app| view(app, now)).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewApp {
    client_id: String,
    client_secret: String,
    redirect_uris: Vec<String>,
    #[serde(flatten)]
    change: AppChange,
}

#[derive(Default, Deserialize)]
pub struct AppChange {
    name: Option<String>,
    token_kind: Option<TokenKind>,
    calls_per_second: Option<u32>,
    calls_per_day: Option<u32>,
    deactivated: Option<bool>,
    private_to: Option<String>,
}

impl AppChange {
    fn apply(self, app: &mut App) {
        app.name = self.name.unwrap_or_else(|| app.name.clone());
        app.token_kind = self.token_kind.unwrap_or(app.token_kind);
        app.calls_per_second = self.calls_per_second.unwrap_or(app.calls_per_second);
        app.calls_per_day = self.calls_per_day.unwrap_or(app.calls_per_day);
        app.deactivated = self.deactivated.unwrap_or(app.deactivated);
        app.private_to = self
            .private_to
            .or(app.private_to.take())
            .filter(|to| !to.is_empty());
    }
}

pub async fn add_app(State(shared): State<Shared>, new: Body<NewApp>) -> Answer {
    let Json(new) = new?;
    let mut app = App::new(&new.client_id, &new.client_secret, new.redirect_uris);
    new.change.apply(&mut app);
    let view = view(&app, shared.clock.now());
    shared.lab().world.apps.insert(app.client_id.clone(), app);
    Ok(Json(view))
}

pub async fn change_app(
    State(shared): State<Shared>,
    Path(client_id): Path<String>,
    change: Body<AppChange>,
) -> Answer {
    let Json(change) = change?;
    let now = shared.clock.now();
    let mut lab = shared.lab();
    let app = lab
        .world
        .apps
        .get_mut(&client_id)
        .ok_or_else(|| not_found("app"))?;
    change.apply(app);
    Ok(Json(view(app, now)))
}

/// Issues a new secret; the old one is invalid at once.
pub async fn rotate_secret(State(shared): State<Shared>, Path(client_id): Path<String>) -> Answer {
    let mut lab = shared.lab();
    let secret = lab.dice.text(32);
    let app = lab
        .world
        .apps
        .get_mut(&client_id)
        .ok_or_else(|| not_found("app"))?;
    app.secret.clone_from(&secret);
    Ok(Json(json!({ "client_secret": secret })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    client_id: Option<String>,
    account: Option<String>,
    /// Whether access tokens stay valid until they expire.
    #[serde(default)]
    access_tokens_live_on: bool,
}

/// Ends the tokens of an app, of an account, or of both together.
pub async fn revoke(State(shared): State<Shared>, what: Body<Revocation>) -> Answer {
    let Json(what) = what?;
    let mut lab = shared.lab();
    let account = match what.account.as_deref() {
        None => None,
        Some(id) => Some(account_index(&lab.world, id)?),
    };
    let client = what.client_id.as_deref();
    let revoked = lab
        .world
        .grants
        .revoke(client, account, what.access_tokens_live_on);
    Ok(Json(json!({ "revoked_refresh_tokens": revoked })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mint {
    client_id: String,
    user: String,
    #[serde(default = "usual_scope")]
    scope: String,
}

fn usual_scope() -> String {
    "contact_data account_read offline_access".into()
}

impl Mint {
    /// With the usual scope.
    pub fn usual(client_id: &str, login: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            user: login.to_owned(),
            scope: usual_scope(),
        }
    }
}

/// What a client gets once its user has agreed.
#[derive(Debug, Serialize)]
pub struct Minted {
    pub access_token: String,
    /// None without `offline_access`.
    pub refresh_token: Option<String>,
}

/// A token pair without a consent page, for load tests and loops.
pub async fn mint(State(shared): State<Shared>, mint: Body<Mint>) -> Result<Json<Minted>, Refused> {
    let Json(mint) = mint?;
    Ok(Json(mint_tokens(&shared, mint)?))
}

pub fn mint_tokens(shared: &Shared, mint: Mint) -> Result<Minted, Refused> {
    let bad = |what: &str| Refused(StatusCode::BAD_REQUEST, format!("{what} is not known"));
    let tokens = shared.with_world(|world, context| {
        let seat = world.seat(&mint.user).ok_or_else(|| bad("user"))?;
        let scope = ScopeSet::parse(&mint.scope).ok_or_else(|| bad("scope"))?;
        if !world.apps.contains_key(&mint.client_id) {
            return Err(bad("client_id"));
        }
        Ok(world.grant(&mint.client_id, seat, scope, context))
    })?;
    let failed =
        |error: SigningFailed| Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    Ok(Minted {
        access_token: shared.sign(&tokens).map_err(failed)?,
        refresh_token: match tokens.refresh {
            RefreshAnswer::New(token) | RefreshAnswer::Unchanged(token) => Some(token),
            RefreshAnswer::None => None,
        },
    })
}

fn account_index(world: &World, id: &str) -> Result<usize, Refused> {
    let mut accounts = world.accounts.iter();
    let at = accounts.position(|account| account.encoded_id == id);
    at.ok_or_else(|| not_found("account"))
}
