//! The codes and tokens that exist, and how they are ended.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::{Context, ScopeSet, Seat};
use crate::settings::RefreshGrace;

const REFRESH_IDLE: SignedDuration = SignedDuration::from_hours(24 * 180);
const GRACE: SignedDuration = SignedDuration::from_secs(30);

#[derive(Debug, Default)]
pub struct Grants {
    pub(super) codes: HashMap<String, Code>,
    pub(super) refresh: HashMap<String, RefreshToken>,
    pub(super) access: HashMap<String, Access>,
}

#[derive(Debug)]
pub struct Code {
    pub client_id: String,
    pub redirect_uri: String,
    pub seat: Seat,
    pub scope: ScopeSet,
    pub challenge: Option<String>,
    pub expires_at: Timestamp,
}

#[derive(Debug)]
pub struct RefreshToken {
    pub client_id: String,
    pub seat: Seat,
    pub scope: ScopeSet,
    pub last_used: Timestamp,
    pub rotated_at: Option<Timestamp>,
    pub revoked: bool,
}

/// What an access token stands for.
#[derive(Clone, Debug)]
pub struct Access {
    pub client_id: String,
    pub seat: Seat,
    pub scope: ScopeSet,
    pub expires_at: Timestamp,
    pub revoked: bool,
}

impl Code {
    pub const LIFE: SignedDuration = SignedDuration::from_mins(5);
}

impl Grants {
    /// Registers a signed access token.
    pub fn register(&mut self, token: String, access: Access) {
        self.access.insert(token, access);
    }

    pub fn access(&self, token: &str) -> Option<&Access> {
        self.access.get(token)
    }

    /// Ends every token, as when a customer or support revokes the app.
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
            if !token.revoked && hit(&token.client_id, token.seat) {
                token.revoked = true;
                token.rotated_at = None;
                revoked += 1;
            }
        }
        for token in self.access.values_mut().filter(|_| !lives_on) {
            token.revoked |= hit(&token.client_id, token.seat);
        }
        revoked
    }

    pub(super) fn revoke_refresh_tokens(&mut self, client_id: &str, seat: Seat, now: Timestamp) {
        let tokens = self.refresh.values_mut();
        for token in tokens.filter(|t| !t.revoked && t.client_id == client_id && t.seat == seat) {
            token.revoked = true;
            token.rotated_at = Some(now);
        }
    }

    pub(super) fn revoke_access_tokens(&mut self, client_id: &str, seat: Seat) {
        let tokens = self.access.values_mut();
        for token in tokens.filter(|t| t.client_id == client_id && t.seat == seat) {
            token.revoked = true;
        }
    }
}

impl RefreshToken {
    pub fn is_usable(&self, context: &Context<'_>) -> bool {
        let idle = context.now.duration_since(self.last_used);
        let grace = context.settings.readings.refresh_grace == RefreshGrace::Seconds30
            && self
                .rotated_at
                .is_some_and(|at| context.now.duration_since(at) <= GRACE);
        (!self.revoked || grace) && idle <= REFRESH_IDLE
    }
}

impl Access {
    pub fn is_valid(&self, now: Timestamp) -> bool {
        !self.revoked && now < self.expires_at
    }
}
