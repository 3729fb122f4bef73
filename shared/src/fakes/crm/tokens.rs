use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::calls::Call;
use super::{ACCESS_FOR, FakeCrm, World};
use crate::domain::token::{Grant, SCOPES};
use crate::ports::{AppCredentials, Authorization, Clock as _, TokenError};

/// The kind of an application's refresh tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenKind {
    /// Each can be used once and comes with its successor.
    #[default]
    Rotating,
    /// One that never changes; a refresh does not return it again.
    LongLived,
}

/// How long a code lasts.
const CODE_FOR: SignedDuration = SignedDuration::from_mins(5);
/// How long an unused refresh token lasts.
const REFRESH_FOR: SignedDuration = SignedDuration::from_hours(180 * 24);

#[derive(Debug)]
pub(super) struct Code {
    user: User,
    client_id: String,
    ends: Timestamp,
}

/// A user of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) account: String,
    pub(super) login: String,
}

#[derive(Debug)]
pub(super) struct Issued {
    pub(super) account: String,
    pub(super) client_id: String,
    pub(super) ends: Timestamp,
    scope: String,
}

impl Issued {
    /// Whether the token's scopes allow a call.
    pub(super) fn covers(&self, call: Call) -> bool {
        let needed = match call {
            Call::Privileges => return true,
            Call::Summary => "account_read",
            _ => "contact_data",
        };
        self.scope.split(' ').any(|granted| granted == needed)
    }
}

#[derive(Debug)]
pub(super) struct Refreshable {
    pub(super) user: User,
    client_id: String,
    ends: Timestamp,
}

impl User {
    /// The user who connects an account unless a test says otherwise.
    pub(super) fn owner(account: &str) -> Self {
        Self::of(account, &format!("owner@{account}"))
    }

    pub(super) fn of(account: &str, login: &str) -> Self {
        Self {
            account: account.to_owned(),
            login: login.to_owned(),
        }
    }
}

impl World {
    pub(super) fn issue_code(&mut self, user: User, client_id: &str, now: Timestamp) -> String {
        let text = format!("code-{}", self.next_number());
        let code = Code {
            user,
            client_id: client_id.to_owned(),
            ends: now + CODE_FOR,
        };
        self.codes.insert(text.clone(), code);
        text
    }

    /// Issues a new pair.
    pub(super) fn issue(&mut self, user: &User, client_id: &str, now: Timestamp) -> Grant {
        let refresh = format!("refresh-{}", self.next_number());
        let refreshable = Refreshable {
            user: user.clone(),
            client_id: client_id.to_owned(),
            ends: now + REFRESH_FOR,
        };
        self.refresh.insert(refresh.clone(), refreshable);
        Grant {
            refresh: Some(refresh.into()),
            ..self.issue_access(user, client_id, now)
        }
    }

    fn issue_access(&mut self, user: &User, client_id: &str, now: Timestamp) -> Grant {
        let claims = serde_json::json!({ "sub": user.login }).to_string();
        let claims = URL_SAFE_NO_PAD.encode(claims);
        let access = format!("e30.{claims}.access-{}", self.next_number());
        let ends = now + ACCESS_FOR;
        let scope = self.scope.clone().unwrap_or_else(|| SCOPES.join(" "));
        let issued = Issued {
            account: user.account.clone(),
            client_id: client_id.to_owned(),
            ends,
            scope: scope.clone(),
        };
        self.access.insert(access.clone(), issued);
        Grant {
            access: access.into(),
            refresh: None,
            expires_at: ends,
            scope: Some(scope),
        }
    }

    /// A new authorization revokes what the same user was granted before, of either kind.
    fn exchange(
        &mut self,
        client_id: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<Grant, TokenError> {
        let code = self.codes.remove(code);
        let code = code
            .filter(|code| code.client_id == client_id && code.ends > now)
            .ok_or(TokenError::InvalidGrant)?;
        self.refresh
            .retain(|_, token| token.client_id != client_id || token.user != code.user);
        Ok(self.issue(&code.user, client_id, now))
    }

    fn renew(&mut self, client_id: &str, token: &str, now: Timestamp) -> Result<Grant, TokenError> {
        let known = self.refresh.get_mut(token);
        let known = known
            .filter(|known| known.client_id == client_id && known.ends > now)
            .ok_or(TokenError::InvalidGrant)?;
        let user = known.user.clone();
        match self.kind {
            TokenKind::LongLived => {
                known.ends = now + REFRESH_FOR;
                Ok(self.issue_access(&user, client_id, now))
            }
            TokenKind::Rotating => {
                self.refresh.remove(token);
                Ok(self.issue(&user, client_id, now))
            }
        }
    }
}

impl FakeCrm {
    async fn token_call(
        &self,
        call: Call,
        app: &AppCredentials,
        work: impl FnOnce(&mut World, Timestamp) -> Result<Grant, TokenError>,
    ) -> Result<Grant, TokenError> {
        let step = |world: &mut World| {
            let now = self.clock.now();
            world.calls.push((now, call));
            let secret = world.apps.get(&app.client_id);
            if secret.map(String::as_str) != Some(app.client_secret.expose_secret()) {
                return Err(TokenError::InvalidClient);
            }
            let meter = world.meters.entry(app.client_id.clone()).or_default();
            if !meter.token_call(world.limits, now) {
                return Err(TokenError::THROTTLED);
            }
            match world.token_answers.pop_front() {
                None => work(world, now),
                Some(TokenError::AnswerLost) => work(world, now).and(Err(TokenError::AnswerLost)),
                Some(error) => Err(error),
            }
        };
        self.world.try_step(step).await
    }
}

impl Authorization for FakeCrm {
    async fn exchange(
        &self,
        app: &AppCredentials,
        code: &SecretString,
        verifier: Option<&SecretString>,
    ) -> Result<Grant, TokenError> {
        self.token_call(Call::Exchange, app, |world, now| {
            world.verifiers.push(verifier.is_some());
            let grant = world.exchange(&app.client_id, code.expose_secret(), now)?;
            Ok(match world.edit {
                Some(edit) => edit(grant),
                None => grant,
            })
        })
        .await
    }

    async fn refresh(
        &self,
        app: &AppCredentials,
        refresh_token: &SecretString,
    ) -> Result<Grant, TokenError> {
        self.token_call(Call::Refresh, app, |world, now| {
            world.renew(&app.client_id, refresh_token.expose_secret(), now)
        })
        .await
    }
}
