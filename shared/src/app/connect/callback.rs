use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::verdict::{may_feed, verdict};
use super::{Connect, ConnectError, PATIENCE, Session, state};
use crate::app::requeue::{look_soon, release_waiting};
use crate::domain::connection::{Connection, ConnectionStatus, Learned, LimitedReason};
use crate::domain::handshake::Handshake;
use crate::domain::ids::CustomerId;
use crate::domain::token::Tokens;
use crate::ports::{
    Clock as _, Connections as _, Customers as _, Handshakes as _, StoreError, Wiring,
};

/// Constant Contact's issuer. It names itself in no answer so far; where one names an issuer, it has to be this one
/// (RFC 9207).
const ISSUER: &str = "https://identity.constantcontact.com/oauth2/aus1lm3ry9mF7x2Ja0h8";

/// With what a browser comes back from the authorization server.
#[derive(Default)]
pub struct Return {
    /// `state`.
    pub state: Option<SecretString>,
    /// `code`.
    pub code: Option<SecretString>,
    /// `iss`.
    pub issuer: Option<String>,
    /// `error`.
    pub error: Option<String>,
}

/// Where a browser goes after its return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    /// The person said no; whatever was connected still is.
    Declined,
    /// Connected: on to the lists, or to what stands in the way of choosing any.
    Lists,
    /// Connected to another account than before: is that meant?
    OtherAccount,
}

impl<W: Wiring> Connect<W> {
    /// Ends an authorization: checks that this browser began it, takes it out of the store for good, and connects
    /// the account.
    ///
    /// # Errors
    /// Any [`ConnectError`] but those about links and choices. What was connected before goes on working after all of
    /// them, but for a code whose answer was lost or granted too little: that may have ended the pair before.
    pub async fn finish(
        &self,
        back: Return,
        cookie: Option<&str>,
    ) -> Result<Landing, ConnectError> {
        let (now, end) = (self.clock.now(), self.end_of_step());
        let session = self.session(cookie);
        let state = back.state.ok_or(ConnectError::Incomplete)?;
        let state = state.expose_secret();
        if !state::is_good(state, &self.keys, now) {
            return Err(ConnectError::UnknownState);
        }
        let Some(handshake) = self.directory.take(state, now).await? else {
            return Err(self.used(session).await?);
        };
        if !session.is_some_and(|session| session.opened(&handshake)) {
            return Err(ConnectError::OtherBrowser);
        }
        let customer = self.directory.customer(&handshake.customer).await?;
        if customer.is_none() {
            return Err(ConnectError::UnknownState); // it was removed on the way: nobody would forget its tokens
        }
        if back.issuer.is_some_and(|issuer| issuer != ISSUER) {
            return Err(ConnectError::WrongIssuer);
        }
        match back.error.as_deref() {
            None => {}
            Some("access_denied") => return Ok(Landing::Declined),
            Some("server_error" | "temporarily_unavailable") => {
                return Err(ConnectError::Unavailable);
            }
            Some(_) => return Err(ConnectError::AppRefused),
        }
        let code = back.code.ok_or(ConnectError::Incomplete)?;
        self.expect_calls(&handshake.app, PATIENCE).await?;
        let before = self.in_use(&handshake.customer).await?;
        let grant = self.exchange(&handshake, &code, end).await?;
        let tokens = grant.into_tokens()?;
        let kept = self.put_in_place(&handshake, before, &tokens).await?;
        self.connect(&handshake, tokens, kept, end).await
    }

    /// What to say of a state of ours that somebody was faster with: to the browser that started, that it was.
    async fn used(&self, session: Option<Session>) -> Result<ConnectError, ConnectError> {
        let Some(session) = session else {
            return Ok(ConnectError::UnknownState);
        };
        if !self.has_started(&session).await? {
            return Ok(ConnectError::UnknownState);
        }
        let row = self.directory.connection(session.customer()).await?;
        let connected = row.is_some_and(|row| session.sees(&row));
        Ok(ConnectError::UsedState { connected })
    }

    /// Looks at the account behind the tokens, and connects the customer to it if that is any use. The tokens may be
    /// `kept` under a generation already.
    async fn connect(
        &self,
        handshake: &Handshake,
        tokens: Tokens,
        kept: Option<u64>,
        end: Timestamp,
    ) -> Result<Landing, ConnectError> {
        let customer = &handshake.customer;
        let summary = self.summary(&handshake.app, &tokens.access, end).await?;
        let old = self.directory.connection(customer).await?;
        let may_feed = may_feed(&summary.privileges);
        let account = match summary.account {
            Some(account) => account,
            None if may_feed => return Err(ConnectError::AppForbidden),
            None => return Err(ConnectError::MissingPrivilege),
        };
        let status = verdict(old.as_ref(), &account, may_feed)?;
        let asked = if may_feed {
            Some(self.catalog(&handshake.app, &tokens.access, end).await?)
        } else {
            None // a user who may not ask for it changes nothing about what was known and chosen
        };
        let landing = landing(&status);
        if let (Landing::OtherAccount, Some(old)) = (landing, &old) {
            self.hold(old, &status).await?;
        }
        let token_expires_at = tokens.expires_at;
        let generation = self.keep(customer, old.as_ref(), kept, tokens).await?;
        let endings = old.as_ref().map_or(0, |old| old.endings);
        let same = old.filter(|old| old.account.id == account.id);
        let (mut lists, terms, known) = same
            .map(|old| (old.lists, old.terms, old.catalog))
            .unwrap_or_default();
        let catalog = asked.unwrap_or(known);
        lists.retain(|list| catalog.lists.iter().any(|known| known.id == *list));
        let connection = Connection {
            customer: customer.clone(),
            app: handshake.app.clone(),
            stack: self.site.stack.clone(),
            status,
            account,
            lists,
            terms,
            catalog,
            generation,
            token_expires_at,
            lease: None,
            cooldown_until: None,
            connected_at: self.clock.now(),
            endings,
            learned: Learned::default(),
        };
        if connection.status == ConnectionStatus::Active && connection.terms.is_some() {
            look_soon(&self.ledger, customer, self.clock.now()).await?;
        }
        if !self.directory.put_connection(&connection).await? {
            self.make_way(customer, generation).await?;
            return Err(ConnectError::Busy);
        }
        if self.directory.customer(customer).await?.is_none() {
            self.end(customer).await?;
            return Err(ConnectError::UnknownState); // it was removed meanwhile, and nobody else would come
        }
        tracing::info!(customer.id = %customer, status = ?connection.status, "an account was connected");
        if landing != Landing::OtherAccount {
            self.tell(customer, &connection.status).await;
        }
        if connection.status == ConnectionStatus::Active && connection.terms.is_some() {
            release_waiting(&self.ledger, &self.queue, customer, self.clock.now()).await?;
        }
        Ok(landing)
    }

    /// Ends what a connection that was not made left of itself, unless a newer one has taken its place: it was ended
    /// meanwhile, and nobody else would forget the tokens.
    async fn make_way(&self, customer: &CustomerId, generation: u64) -> Result<(), StoreError> {
        let row = self.directory.connection(customer).await?;
        let is_newer = |row: Connection| {
            row.generation > generation && row.status != ConnectionStatus::Disconnected
        };
        if row.is_some_and(is_newer) {
            return Ok(());
        }
        self.end(customer).await
    }

    /// Stops deliveries to the old account before tokens of another are stored: a row that is behind its tokens
    /// catches up by itself, and must not do so with another account's. One that was disconnected does not.
    async fn hold(&self, old: &Connection, status: &ConnectionStatus) -> Result<(), ConnectError> {
        let held = old.status == ConnectionStatus::Disconnected
            || self
                .directory
                .set_status(&old.customer, old.generation, status)
                .await?;
        if !held {
            return Err(ConnectError::Busy);
        }
        self.tell(&old.customer, status).await;
        Ok(())
    }
}

fn landing(status: &ConnectionStatus) -> Landing {
    match status {
        ConnectionStatus::Limited {
            reason: LimitedReason::AccountChanged,
        } => Landing::OtherAccount,
        _ => Landing::Lists,
    }
}
