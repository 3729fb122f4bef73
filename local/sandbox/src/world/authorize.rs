//! Authorisation requests and the codes they result in.

use super::grants::Code;
use super::{Context, ScopeSet, Seat, World};
use crate::settings::{Pkce, Strict};

/// What the person at the consent page agreed to.
#[derive(Clone, Debug)]
pub struct Grant {
    pub client_id: String,
    pub redirect_uri: String,
    pub scope: ScopeSet,
    pub challenge: Option<String>,
    pub state: Option<String>,
}

/// The unchecked parameters of an authorisation request.
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

/// Shown to the person, or sent back to the client if its address is known to be right.
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

impl World {
    /// Checks an authorisation request: client and redirect URI first, as only then is it known where other errors may
    /// be sent.
    pub fn check_authorize(
        &self,
        request: &AuthorizeRequest<'_>,
        context: &Context<'_>,
    ) -> Result<Grant, AuthorizeError> {
        let readings = &context.settings.readings;
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

    /// The person allowed it: returns the code. An unapproved app serves only its creator.
    pub fn allow(
        &mut self,
        grant: Grant,
        seat: Seat,
        context: &mut Context<'_>,
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
        let code = context.dice.text(43);
        let entry = Code {
            client_id: grant.client_id,
            redirect_uri: grant.redirect_uri,
            seat,
            scope: grant.scope,
            challenge: grant.challenge,
            expires_at: context.now + Code::LIFE,
        };
        self.grants.codes.insert(code.clone(), entry);
        Ok(code)
    }
}
