//! Authorisation codes, refresh tokens and access tokens.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::limits::Admission;
use super::{App, Role, Scene, Seat, TokenKind, World};
use crate::settings::{OldAccessToken, Pkce, Reauthorization, RefreshGrace, Strict};

const CODE_LIFE: SignedDuration = SignedDuration::from_mins(5);
const ACCESS_LIFE: SignedDuration = SignedDuration::from_hours(24);
const REFRESH_IDLE: SignedDuration = SignedDuration::from_hours(24 * 180);
const GRACE: SignedDuration = SignedDuration::from_secs(30);

#[derive(Debug, Default)]
pub struct Grants {
    codes: HashMap<String, Code>,
    refresh: HashMap<String, RefreshToken>,
    access: HashMap<String, Access>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    ContactData,
    AccountRead,
    AccountUpdate,
    CampaignData,
    BillingData,
    OfflineAccess,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<Scope>);

#[derive(Debug)]
struct Code {
    client_id: String,
    redirect_uri: String,
    seat: Seat,
    scope: ScopeSet,
    challenge: Option<String>,
    expires_at: Timestamp,
}

#[derive(Debug)]
struct RefreshToken {
    client_id: String,
    seat: Seat,
    scope: ScopeSet,
    last_used: Timestamp,
    rotated_at: Option<Timestamp>,
    dead: bool,
}

/// What an access token stands for.
#[derive(Clone, Debug)]
pub struct Access {
    pub client_id: String,
    pub seat: Seat,
    pub scope: ScopeSet,
    pub expires_at: Timestamp,
    pub dead: bool,
}

/// A successful token answer, but for the signature on the access token.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: Access,
    pub token_id: String,
    pub issued_at: Timestamp,
    pub refresh: RefreshAnswer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshAnswer {
    /// `offline_access` was not asked for.
    None,
    New(String),
    /// A long-lived token that stays in use.
    Unchanged(String),
}

/// What the person at the consent page agreed to.
#[derive(Clone, Debug)]
pub struct Grant {
    pub client_id: String,
    pub redirect_uri: String,
    pub scope: ScopeSet,
    pub challenge: Option<String>,
    pub state: Option<String>,
}

/// The parameters of an authorisation request as they came.
#[derive(Clone, Debug, Default)]
pub struct AuthorizeRequest<'a> {
    pub client_id: Option<&'a str>,
    pub redirect_uri: Option<&'a str>,
    pub response_type: Option<&'a str>,
    pub scope: Option<&'a str>,
    pub state: Option<&'a str>,
    pub code_challenge: Option<&'a str>,
    pub code_challenge_method: Option<&'a str>,
}

/// Shown to the person, or sent back to the client where its address is known to be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizeError {
    Page(&'static str),
    Redirect {
        uri: String,
        state: Option<String>,
        error: &'static str,
        description: &'static str,
    },
}

/// A token request whose client is known by name but not yet proven.
#[derive(Clone, Debug)]
pub enum TokenRequest {
    Code {
        code: String,
        redirect_uri: Option<String>,
        verifier: Option<String>,
    },
    Refresh {
        token: String,
        scope: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    #[error("invalid_client")]
    InvalidClient,
    #[error("invalid_grant: {0}")]
    InvalidGrant(&'static str),
    #[error("invalid_request: {0}")]
    InvalidRequest(&'static str),
    #[error("invalid_scope")]
    InvalidScope,
    #[error("unsupported_grant_type")]
    UnsupportedGrantType,
    #[error("Accept or Content-Type is not one of those supported")]
    MediaType,
    #[error("throttled")]
    Throttled,
    #[error("the token could not be signed")]
    Unavailable,
}

const DEAD_CODE: TokenRefusal =
    TokenRefusal::InvalidGrant("The authorization code is invalid or has expired.");
const DEAD_REFRESH: TokenRefusal =
    TokenRefusal::InvalidGrant("The refresh token is invalid or expired.");
const WRONG_VERIFIER: TokenRefusal =
    TokenRefusal::InvalidGrant("PKCE verification of the authorization code failed.");

impl ScopeSet {
    /// Reads a space-separated scope; `None` when it is empty or has an unknown name.
    pub fn parse(text: &str) -> Option<Self> {
        let names = text.split(' ').filter(|name| !name.is_empty());
        let scopes = names.map(Scope::parse).collect::<Option<BTreeSet<_>>>()?;
        (!scopes.is_empty()).then_some(Self(scopes))
    }

    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|scope| scope.name())
    }

    fn includes(&self, other: &Self) -> bool {
        self.0.is_superset(&other.0)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        f.write_str(&names.join(" "))
    }
}

impl Scope {
    const ALL: [Self; 6] = [
        Self::ContactData,
        Self::AccountRead,
        Self::AccountUpdate,
        Self::CampaignData,
        Self::BillingData,
        Self::OfflineAccess,
    ];

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::ContactData => "contact_data",
            Self::AccountRead => "account_read",
            Self::AccountUpdate => "account_update",
            Self::CampaignData => "campaign_data",
            Self::BillingData => "billing_data",
            Self::OfflineAccess => "offline_access",
        }
    }
}

impl World {
    /// Checks an authorisation request: client and redirect URI first, for only then is it known
    /// where the other errors may go.
    pub fn check_authorize(
        &self,
        request: &AuthorizeRequest<'_>,
        scene: &Scene<'_>,
    ) -> Result<Grant, AuthorizeError> {
        let readings = &scene.settings.readings;
        let app = request.client_id.and_then(|id| self.apps.get(id));
        let app = app.ok_or(AuthorizeError::Page("400 - Unknown or invalid client_id"))?;
        let registered = |uri: &&str| app.redirect_uris.iter().any(|known| known == uri);
        let uri = request.redirect_uri.filter(registered);
        let uri = uri.ok_or(AuthorizeError::Page(
            "400 - The redirect_uri is not one of those registered for this application",
        ))?;
        let refuse = |error, description| AuthorizeError::Redirect {
            uri: uri.to_owned(),
            state: request.state.map(str::to_owned),
            error,
            description,
        };
        if request.response_type != Some("code") {
            return Err(refuse(
                "unsupported_response_type",
                "response_type must be code.",
            ));
        }
        let stateless = request.state.is_none_or(str::is_empty);
        if stateless && readings.state_required == Strict::Yes {
            return Err(refuse("invalid_request", "The state parameter is missing."));
        }
        let scope = request.scope.and_then(ScopeSet::parse);
        let scope =
            scope.ok_or_else(|| refuse("invalid_scope", "A requested scope is not known."))?;
        let challenge = match (request.code_challenge, request.code_challenge_method) {
            (None, None) => None,
            _ if readings.pkce == Pkce::Refuse => {
                return Err(refuse(
                    "invalid_request",
                    "PKCE is not enabled for this client.",
                ));
            }
            (Some(challenge), Some("S256")) if challenge.len() == 43 => Some(challenge.to_owned()),
            _ => {
                return Err(refuse(
                    "invalid_request",
                    "The PKCE challenge is not valid.",
                ));
            }
        };
        Ok(Grant {
            client_id: app.client_id.clone(),
            redirect_uri: uri.to_owned(),
            scope,
            challenge,
            state: request.state.map(str::to_owned),
        })
    }

    /// The person allowed it: returns the code. An unapproved app serves only its maker.
    pub fn allow(
        &mut self,
        grant: Grant,
        seat: Seat,
        scene: &mut Scene<'_>,
    ) -> Result<String, AuthorizeError> {
        let login = &self.accounts[seat.account].users[seat.user].login;
        let private_to = self
            .apps
            .get(&grant.client_id)
            .and_then(|app| app.private_to.as_ref());
        if private_to.is_some_and(|maker| maker != login) {
            return Err(AuthorizeError::Page(
                "403 - This application is private and not yet approved for other users",
            ));
        }
        let code = scene.dice.text(43);
        let entry = Code {
            client_id: grant.client_id,
            redirect_uri: grant.redirect_uri,
            seat,
            scope: grant.scope,
            challenge: grant.challenge,
            expires_at: scene.now + CODE_LIFE,
        };
        self.grants.codes.insert(code.clone(), entry);
        Ok(code)
    }

    /// Counts a call of the token endpoint: one a second for each app.
    pub fn admit_token_call(
        &mut self,
        client_id: &str,
        scene: &Scene<'_>,
    ) -> Result<(), TokenRefusal> {
        let app = self
            .apps
            .get_mut(client_id)
            .filter(|_| scene.settings.limits);
        let Some(app) = app else { return Ok(()) };
        match app.token_calls.admit(scene.now, 1, u32::MAX, false) {
            Admission::Accepted => Ok(()),
            Admission::Throttled | Admission::QuotaExceeded => Err(TokenRefusal::Throttled),
        }
    }

    pub fn token(
        &mut self,
        client_id: &str,
        secret: &str,
        request: TokenRequest,
        scene: &mut Scene<'_>,
    ) -> Result<Tokens, TokenRefusal> {
        let app = self
            .apps
            .get(client_id)
            .ok_or(TokenRefusal::InvalidClient)?;
        if !bool::from(app.secret.as_bytes().ct_eq(secret.as_bytes())) || app.deactivated {
            return Err(TokenRefusal::InvalidClient);
        }
        match request {
            TokenRequest::Code {
                code,
                redirect_uri,
                verifier,
            } => self.redeem_code(client_id, &code, redirect_uri.as_deref(), verifier, scene),
            TokenRequest::Refresh { token, scope } => {
                self.refresh(client_id, &token, scope.as_deref(), scene)
            }
        }
    }

    /// A code dies with its first use, right or wrong.
    fn redeem_code(
        &mut self,
        client_id: &str,
        code: &str,
        redirect_uri: Option<&str>,
        verifier: Option<String>,
        scene: &mut Scene<'_>,
    ) -> Result<Tokens, TokenRefusal> {
        let code = self.grants.codes.remove(code).ok_or(DEAD_CODE)?;
        let in_date = scene.now < code.expires_at;
        if !in_date || code.client_id != client_id || redirect_uri != Some(&code.redirect_uri) {
            return Err(DEAD_CODE);
        }
        match (&code.challenge, verifier) {
            (None, None) => {}
            (Some(challenge), Some(verifier)) if *challenge == s256(&verifier) => {}
            _ => return Err(WRONG_VERIFIER),
        }
        if scene.settings.readings.reauthorization == Reauthorization::KillsEarlier {
            self.grants.kill_refresh(client_id, code.seat, scene.now);
        }
        Ok(self.issue(client_id, code.seat, code.scope, None, scene))
    }

    fn refresh(
        &mut self,
        client_id: &str,
        token: &str,
        narrower: Option<&str>,
        scene: &mut Scene<'_>,
    ) -> Result<Tokens, TokenRefusal> {
        let known = self.grants.refresh.get_mut(token);
        let known = known
            .filter(|known| known.client_id == client_id)
            .ok_or(DEAD_REFRESH)?;
        if !known.is_usable(scene) {
            return Err(DEAD_REFRESH);
        }
        let asked = match narrower {
            None => None,
            Some(text) => Some(ScopeSet::parse(text).ok_or(TokenRefusal::InvalidScope)?),
        };
        if asked
            .as_ref()
            .is_some_and(|asked| !known.scope.includes(asked))
        {
            return Err(TokenRefusal::InvalidScope);
        }
        known.last_used = scene.now;
        let (seat, scope) = (known.seat, asked.unwrap_or_else(|| known.scope.clone()));
        let kind = self
            .apps
            .get(client_id)
            .map_or(TokenKind::Rotating, |app| app.token_kind);
        if scene.settings.readings.access_token_after_refresh == OldAccessToken::Dies {
            self.grants.kill_access(client_id, seat);
        }
        let kept = match kind {
            TokenKind::LongLived => Some(token.to_owned()),
            TokenKind::Rotating => {
                self.grants.kill_refresh(client_id, seat, scene.now);
                None
            }
        };
        Ok(self.issue(client_id, seat, scope, kept, scene))
    }

    fn issue(
        &mut self,
        client_id: &str,
        seat: Seat,
        scope: ScopeSet,
        kept: Option<String>,
        scene: &mut Scene<'_>,
    ) -> Tokens {
        let refresh = match kept {
            Some(token) => RefreshAnswer::Unchanged(token),
            None if scope.has(Scope::OfflineAccess) => {
                let token = scene.dice.text(43);
                let entry = RefreshToken {
                    client_id: client_id.to_owned(),
                    seat,
                    scope: scope.clone(),
                    last_used: scene.now,
                    rotated_at: None,
                    dead: false,
                };
                self.grants.refresh.insert(token.clone(), entry);
                RefreshAnswer::New(token)
            }
            None => RefreshAnswer::None,
        };
        let access = Access {
            client_id: client_id.to_owned(),
            seat,
            scope,
            expires_at: scene.now + ACCESS_LIFE,
            dead: false,
        };
        Tokens {
            access,
            token_id: scene.dice.text(86),
            issued_at: scene.now,
            refresh,
        }
    }

    /// A token pair without a code, as control and tests ask for it.
    pub fn grant(
        &mut self,
        client_id: &str,
        seat: Seat,
        scope: ScopeSet,
        scene: &mut Scene<'_>,
    ) -> Tokens {
        self.issue(client_id, seat, scope, None, scene)
    }

    /// The role a token acts with.
    pub fn role(&self, seat: Seat) -> Role {
        self.accounts[seat.account].users[seat.user].role
    }

    pub fn app_of(&self, access: &Access) -> Option<&App> {
        self.apps.get(&access.client_id)
    }
}

impl Grants {
    /// Makes a signed access token known.
    pub fn register(&mut self, token: String, access: Access) {
        self.access.insert(token, access);
    }

    pub fn access(&self, token: &str) -> Option<&Access> {
        self.access.get(token)
    }

    /// Ends every token, as when a customer revokes the app or support does.
    pub fn revoke(
        &mut self,
        client_id: Option<&str>,
        account: Option<usize>,
        lives_on: bool,
    ) -> usize {
        let hit = |client: &str, seat: Seat| {
            client_id.is_none_or(|id| id == client) && account.is_none_or(|at| at == seat.account)
        };
        let mut revoked = 0;
        for token in self.refresh.values_mut() {
            if !token.dead && hit(&token.client_id, token.seat) {
                token.dead = true;
                token.rotated_at = None;
                revoked += 1;
            }
        }
        for token in self.access.values_mut().filter(|_| !lives_on) {
            token.dead |= hit(&token.client_id, token.seat);
        }
        revoked
    }

    pub fn live_refresh_tokens(&self) -> usize {
        self.refresh.values().filter(|token| !token.dead).count()
    }

    fn kill_refresh(&mut self, client_id: &str, seat: Seat, now: Timestamp) {
        let tokens = self.refresh.values_mut();
        for token in tokens.filter(|t| !t.dead && t.client_id == client_id && t.seat == seat) {
            token.dead = true;
            token.rotated_at = Some(now);
        }
    }

    fn kill_access(&mut self, client_id: &str, seat: Seat) {
        let tokens = self.access.values_mut();
        for token in tokens.filter(|t| t.client_id == client_id && t.seat == seat) {
            token.dead = true;
        }
    }
}

impl RefreshToken {
    fn is_usable(&self, scene: &Scene<'_>) -> bool {
        let idle = scene.now.duration_since(self.last_used);
        let grace = scene.settings.readings.refresh_grace == RefreshGrace::Seconds30
            && self
                .rotated_at
                .is_some_and(|at| scene.now.duration_since(at) <= GRACE);
        (!self.dead || grace) && idle <= REFRESH_IDLE
    }
}

impl Access {
    pub fn is_good(&self, now: Timestamp) -> bool {
        !self.dead && now < self.expires_at
    }
}

fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}
