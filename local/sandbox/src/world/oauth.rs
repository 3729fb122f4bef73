//! The token endpoint's rules for codes and refresh tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::grants::{Access, RefreshToken};
use super::limits::Admission;
use super::{Context, Role, Scope, ScopeSet, Seat, TokenKind, World};
use crate::settings::{OldAccessToken, Reauthorization};

const ACCESS_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// A successful token answer, except for the signature of the access token.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: Access,
    pub token_id: String,
    pub issued_at: Timestamp,
    pub refresh: RefreshAnswer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshAnswer {
    /// `offline_access` was not requested.
    None,
    New(String),
    /// A long-lived token that stays in use.
    Unchanged(String),
}

/// A token request whose client is named but not yet authenticated.
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

const INVALID_CODE: TokenRefusal =
    TokenRefusal::InvalidGrant("The authorization code is invalid or has expired.");
const INVALID_REFRESH_TOKEN: TokenRefusal =
    TokenRefusal::InvalidGrant("The refresh token is invalid or expired.");
const WRONG_VERIFIER: TokenRefusal =
    TokenRefusal::InvalidGrant("PKCE verification of the authorization code failed.");

impl World {
    /// Counts a call of the token endpoint: one a second for each app.
    pub fn admit_token_call(
        &mut self,
        client_id: &str,
        context: &Context<'_>,
    ) -> Result<(), TokenRefusal> {
        let app = self
            .apps
            .get_mut(client_id)
            .filter(|_| context.settings.limits);
        let Some(app) = app else { return Ok(()) };
        match app.token_calls.admit(context.now, 1, u32::MAX, false) {
            Admission::Accepted => Ok(()),
            Admission::Throttled | Admission::QuotaExceeded => Err(TokenRefusal::Throttled),
        }
    }

    pub fn token(
        &mut self,
        client_id: &str,
        secret: &str,
        request: TokenRequest,
        context: &mut Context<'_>,
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
            } => self.redeem_code(client_id, &code, redirect_uri.as_deref(), verifier, context),
            TokenRequest::Refresh { token, scope } => {
                self.refresh(client_id, &token, scope.as_deref(), context)
            }
        }
    }

    /// A code becomes invalid with its first use, successful or not.
    fn redeem_code(
        &mut self,
        client_id: &str,
        code: &str,
        redirect_uri: Option<&str>,
        verifier: Option<String>,
        context: &mut Context<'_>,
    ) -> Result<Tokens, TokenRefusal> {
        let code = self.grants.codes.remove(code).ok_or(INVALID_CODE)?;
        let in_date = context.now < code.expires_at;
        if !in_date || code.client_id != client_id || redirect_uri != Some(&code.redirect_uri) {
            return Err(INVALID_CODE);
        }
        match (&code.challenge, verifier) {
            (None, None) => {}
            (Some(challenge), Some(verifier)) if *challenge == s256(&verifier) => {}
            _ => return Err(WRONG_VERIFIER),
        }
        if context.settings.readings.reauthorization == Reauthorization::KillsEarlier {
            self.grants
                .revoke_refresh_tokens(client_id, code.seat, context.now);
        }
        Ok(self.issue(client_id, code.seat, code.scope, None, context))
    }

    fn refresh(
        &mut self,
        client_id: &str,
        token: &str,
        requested_scope: Option<&str>,
        context: &mut Context<'_>,
    ) -> Result<Tokens, TokenRefusal> {
        let known = self.grants.refresh.get_mut(token);
        let known = known
            .filter(|known| known.client_id == client_id)
            .ok_or(INVALID_REFRESH_TOKEN)?;
        if !known.is_usable(context) {
            return Err(INVALID_REFRESH_TOKEN);
        }
        let requested = match requested_scope {
            None => None,
            Some(text) => Some(ScopeSet::parse(text).ok_or(TokenRefusal::InvalidScope)?),
        };
        if requested
            .as_ref()
            .is_some_and(|requested| !known.scope.includes(requested))
        {
            return Err(TokenRefusal::InvalidScope);
        }
        known.last_used = context.now;
        let (seat, scope) = (known.seat, requested.unwrap_or_else(|| known.scope.clone()));
        let kind = self
            .apps
            .get(client_id)
            .map_or(TokenKind::Rotating, |app| app.token_kind);
        if context.settings.readings.access_token_after_refresh == OldAccessToken::Dies {
            self.grants.revoke_access_tokens(client_id, seat);
        }
        let kept = match kind {
            TokenKind::LongLived => Some(token.to_owned()),
            TokenKind::Rotating => {
                self.grants
                    .revoke_refresh_tokens(client_id, seat, context.now);
                None
            }
        };
        Ok(self.issue(client_id, seat, scope, kept, context))
    }

    fn issue(
        &mut self,
        client_id: &str,
        seat: Seat,
        scope: ScopeSet,
        kept: Option<String>,
        context: &mut Context<'_>,
    ) -> Tokens {
        let refresh = match kept {
            Some(token) => RefreshAnswer::Unchanged(token),
            None if scope.has(Scope::OfflineAccess) => {
                let token = context.dice.text(43);
                let entry = RefreshToken {
                    client_id: client_id.to_owned(),
                    seat,
                    scope: scope.clone(),
                    last_used: context.now,
                    rotated_at: None,
                    revoked: false,
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
            expires_at: context.now + ACCESS_LIFE,
            revoked: false,
        };
        Tokens {
            access,
            token_id: context.dice.text(86),
            issued_at: context.now,
            refresh,
        }
    }

    /// A token pair without a code, for the control API and tests.
    pub fn grant(
        &mut self,
        client_id: &str,
        seat: Seat,
        scope: ScopeSet,
        context: &mut Context<'_>,
    ) -> Tokens {
        self.issue(client_id, seat, scope, None, context)
    }

    /// The role a token acts with.
    pub fn role(&self, seat: Seat) -> Role {
        self.accounts[seat.account].users[seat.user].role
    }
}

fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}
