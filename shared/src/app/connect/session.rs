use jiff::{SignedDuration, Timestamp};

use super::{Connect, ConnectError};
use crate::domain::connection::Connection;
use crate::domain::handshake::Handshake;
use crate::domain::ids::{CustomerId, LinkId};
use crate::domain::keys::{SigningKeys, fingerprint};
use crate::domain::link::{Link, LinkKind};
use crate::ports::{Clock as _, Links as _, SecureRandom as _, Wiring};

/// How long a session lasts.
pub const SESSION_LIFETIME: SignedDuration = SignedDuration::from_hours(2);

/// A session with less than this left is not started with: signing in and choosing lists may take a while.
const MIN_TIME_LEFT: SignedDuration = SignedDuration::from_hours(1);

/// A browser in the process of connecting, known by a signed cookie.
///
/// By itself it opens nothing. It is *started* once this browser has redeemed a link, and may see the account once that
/// was connected after the start.
#[derive(Clone)]
pub struct Session {
    link: Link,
    token: String,
}

impl Session {
    pub(super) fn begin(
        customer: &CustomerId,
        id: LinkId,
        keys: &SigningKeys,
        now: Timestamp,
    ) -> Self {
        let link = Link {
            kind: LinkKind::Session,
            customer: customer.clone(),
            id,
            expires_at: (now + SESSION_LIFETIME).as_second(),
        };
        let token = link.sign(keys);
        Self { link, token }
    }

    pub(super) fn read(cookie: Option<&str>, keys: &SigningKeys, now: Timestamp) -> Option<Self> {
        let token = cookie?;
        let link = Link::verify(token, LinkKind::Session, keys, now).ok()?;
        Some(Self {
            link,
            token: token.to_owned(),
        })
    }

    /// The cookie's value.
    #[must_use]
    pub fn cookie(&self) -> &str {
        &self.token
    }

    /// The customer whose account is being connected.
    #[must_use]
    pub fn customer(&self) -> &CustomerId {
        &self.link.customer
    }

    pub(super) fn id(&self) -> &LinkId {
        &self.link.id
    }

    /// How handshakes and the forms of our pages refer to the session without showing it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.token)
    }

    pub(super) fn opened(&self, handshake: &Handshake) -> bool {
        self.link.customer == handshake.customer && self.fingerprint() == handshake.browser
    }

    /// Whether the connection was made since the session began, so that its browser may see it.
    pub(super) fn sees(&self, connection: &Connection) -> bool {
        connection.connected_at >= self.ends_at() - SESSION_LIFETIME
    }

    pub(super) fn ends_at(&self) -> Timestamp {
        Timestamp::from_second(self.link.expires_at).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl<W: Wiring> Connect<W> {
    /// The session that a cookie of ours names.
    #[must_use]
    pub fn session(&self, cookie: Option<&str>) -> Option<Session> {
        Session::read(cookie, &self.keys, self.clock.now())
    }

    /// Makes sure that a form was shown to the session that sends it. A browser has one session at a time, so a page
    /// that is still open may be about the previous session's customer.
    ///
    /// # Errors
    /// [`ConnectError::Session`] and [`ConnectError::SessionReplaced`].
    pub fn check_form_session(
        &self,
        cookie: Option<&str>,
        fingerprint: &str,
    ) -> Result<(), ConnectError> {
        let session = self.session(cookie).ok_or(ConnectError::Session)?;
        if session.fingerprint() == fingerprint {
            Ok(())
        } else {
            Err(ConnectError::SessionReplaced)
        }
    }

    /// The browser's session for this customer, or a new one.
    pub(super) fn session_for(&self, customer: &CustomerId, cookie: Option<&str>) -> Session {
        let now = self.clock.now();
        self.session(cookie)
            .filter(|session| session.customer() == customer)
            .filter(|session| session.ends_at() >= now + MIN_TIME_LEFT)
            .unwrap_or_else(|| {
                let id = LinkId::new(self.random.number());
                Session::begin(customer, id, &self.keys, now)
            })
    }

    /// Whether the session's browser has redeemed a link.
    pub(super) async fn has_started(&self, session: &Session) -> Result<bool, ConnectError> {
        let (customer, id, now) = (session.customer(), session.id(), self.clock.now());
        Ok(self.directory.is_redeemable(customer, id, id, now).await?)
    }

    /// The session of a browser that has redeemed a link.
    pub(super) async fn started(&self, cookie: Option<&str>) -> Result<Session, ConnectError> {
        let session = self.session(cookie).ok_or(ConnectError::Session)?;
        if self.has_started(&session).await? {
            Ok(session)
        } else {
            Err(ConnectError::Session)
        }
    }
}
