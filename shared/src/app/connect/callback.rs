use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::verdict::{may_write_contacts, verdict};
use super::{Connect, ConnectError, MAX_WAIT, Session, state};
use crate::app::requeue::{mark_lane_soon, release_waiting};
use crate::domain::connection::{
    Account, Catalog, Connection, ConnectionStatus, Learned, LimitedReason, Terms,
};
use crate::domain::handshake::Handshake;
use crate::domain::ids::{AppId, RemoteId};
use crate::domain::token::Tokens;
use crate::ports::{
    Clock as _, Connections as _, Customers as _, Handshakes as _, StoreError, Wiring,
};

/// Constant Contact's issuer. So far its answers name none; one that does has to name this one (RFC 9207).
const ISSUER: &str = "https://identity.constantcontact.com/oauth2/aus1lm3ry9mF7x2Ja0h8";

/// The query parameters with which the authorization server sends a browser back (RFC 6749, 4.1.2).
#[derive(Default)]
pub struct CallbackParams {
    /// `state`.
    pub state: Option<SecretString>,
    /// `code`.
    pub code: Option<SecretString>,
    /// `iss`.
    pub issuer: Option<String>,
    /// `error`.
    pub error: Option<String>,
}

/// How an authorization ended, and so where the browser goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackOutcome {
    /// The person declined; whatever was connected still is.
    Declined,
    /// Connected: on to the lists, or to what prevents choosing any.
    Lists,
    /// Connected to another account than before: is that intended?
    OtherAccount,
}

/// A pair that was just granted.
struct Granted {
    tokens: Tokens,
    /// The generation under which it has replaced the previous pair, if it has.
    kept: Option<u64>,
    /// How often the connection was ended before the code was exchanged: an end after that stands.
    endings: u64,
}

/// What the account behind a pair shows.
struct RemoteAccount {
    account: Account,
    may_write_contacts: bool,
    /// Its lists and fields, if its user may see them.
    catalog: Option<Catalog>,
}

impl<W: Wiring> Connect<W> {
    /// Ends an authorization: checks that this browser began it, takes it out of the store for good, and connects the
    /// account.
    ///
    /// # Errors
    /// Any [`ConnectError`] except those about links and choices. What was connected before still works after all of
    /// them, except after a code whose answer was lost or which granted too little: that may have ended the previous
    /// pair.
    pub async fn handle_callback(
        &self,
        params: CallbackParams,
        cookie: Option<&str>,
    ) -> Result<CallbackOutcome, ConnectError> {
        let (now, end) = (self.clock.now(), self.end_of_step());
        let session = self.session(cookie);
        let state = params.state.ok_or(ConnectError::Incomplete)?;
        let state = state.expose_secret();
        if !state::is_valid(state, &self.keys, now) {
            return Err(ConnectError::UnknownState);
        }
        let Some(handshake) = self.directory.take(state, now).await? else {
            return Err(self.used_state(session).await);
        };
        if !session.is_some_and(|session| session.opened(&handshake)) {
            return Err(ConnectError::OtherBrowser);
        }
        let customer = self.directory.customer(&handshake.customer).await?;
        if customer.is_none() {
            return Err(ConnectError::UnknownState); // removed meanwhile: nobody would delete its tokens
        }
        if params.issuer.is_some_and(|issuer| issuer != ISSUER) {
            return Err(ConnectError::WrongIssuer);
        }
        match params.error.as_deref() {
            None => {}
            Some("access_denied") => return Ok(CallbackOutcome::Declined),
            Some("server_error" | "temporarily_unavailable") => {
                return Err(ConnectError::Unavailable);
            }
            Some(_) => return Err(ConnectError::AppRefused),
        }
        let code = params.code.ok_or(ConnectError::Incomplete)?;
        self.expect_calls(&handshake.app, MAX_WAIT).await?;
        let row = self.directory.connection(&handshake.customer).await?;
        let endings = row.as_ref().map_or(0, |row| row.endings);
        let before = self.in_use(row).await?;
        let grant = self.exchange(&handshake, &code, end).await?;
        let tokens = grant.into_tokens()?;
        let kept = self.put_in_place(&handshake, before, &tokens).await?;
        let granted = Granted {
            tokens,
            kept,
            endings,
        };
        self.connect(&handshake, granted, end).await
    }

    /// The error for a state of ours that was already used: the browser that started is told so.
    async fn used_state(&self, session: Option<Session>) -> ConnectError {
        let Some(session) = session else {
            return ConnectError::UnknownState;
        };
        match self.has_started(&session).await {
            Ok(true) => {}
            Ok(false) => return ConnectError::UnknownState,
            Err(error) => return error,
        }
        match self.directory.connection(session.customer()).await {
            Ok(row) => ConnectError::UsedState {
                connected: row.is_some_and(|row| session.sees(&row)),
            },
            Err(error) => error.into(),
        }
    }

    /// Connects the customer to the account behind the tokens, if that is of any use. The row is written last: before
    /// it counts, the previous account is held, the tokens are stored, and what waits is marked.
    async fn connect(
        &self,
        handshake: &Handshake,
        granted: Granted,
        end: Timestamp,
    ) -> Result<CallbackOutcome, ConnectError> {
        let customer = &handshake.customer;
        let Granted {
            tokens,
            kept,
            endings,
        } = granted;
        let remote = self.read_account(&handshake.app, &tokens, end).await?;
        let old = self.directory.connection(customer).await?;
        if old.as_ref().is_some_and(|old| old.endings > endings) {
            return Err(ConnectError::Busy); // it was ended since this began, and stays ended
        }
        let status = verdict(old.as_ref(), &remote.account, remote.may_write_contacts)?;
        let outcome = outcome(&status);
        if let (CallbackOutcome::OtherAccount, Some(old)) = (outcome, &old) {
            self.hold(old, &status).await?;
        }
        let token_expires_at = tokens.expires_at;
        let generation = self
            .store_pair(customer, old.as_ref(), kept, tokens)
            .await?;
        let (lists, terms, catalog) = still_chosen(old, &remote.account, remote.catalog);
        let connection = Connection {
            customer: customer.clone(),
            app: handshake.app.clone(),
            stack: self.site.stack.clone(),
            status,
            account: remote.account,
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
        let delivers = connection.status == ConnectionStatus::Active && connection.terms.is_some();
        if delivers {
            mark_lane_soon(&self.ledger, customer, self.clock.now()).await?;
        }
        if !self.directory.put_connection(&connection).await? {
            self.remove_leftovers(&connection).await?;
            return Err(ConnectError::Busy);
        }
        if self.directory.customer(customer).await?.is_none() {
            self.end(customer).await?;
            return Err(ConnectError::UnknownState); // it was removed meanwhile, and nobody else would clean up
        }
        tracing::info!(customer.id = %customer, status = ?connection.status, "an account was connected");
        if outcome != CallbackOutcome::OtherAccount {
            self.publish_status(customer, &connection.status).await;
        }
        if delivers {
            release_waiting(&self.ledger, &self.queue, customer, self.clock.now()).await?;
        }
        Ok(outcome)
    }

    /// Reads the account behind the tokens.
    async fn read_account(
        &self,
        app: &AppId,
        tokens: &Tokens,
        end: Timestamp,
    ) -> Result<RemoteAccount, ConnectError> {
        let summary = self.summary(app, &tokens.access, end).await?;
        let may_write_contacts = may_write_contacts(&summary.privileges);
        let account = match summary.account {
            Some(account) => account,
            None if may_write_contacts => return Err(ConnectError::AppForbidden),
            None => return Err(ConnectError::MissingPrivilege),
        };
        let catalog = if may_write_contacts {
            Some(self.catalog(app, &tokens.access, end).await?)
        } else {
            None // a user who may not request it changes nothing about what was known and chosen
        };
        Ok(RemoteAccount {
            account,
            may_write_contacts,
            catalog,
        })
    }

    /// Removes what is left of a connection that was not made, unless a newer one has taken its place: it was ended
    /// meanwhile, and nobody else would delete the tokens.
    async fn remove_leftovers(&self, failed: &Connection) -> Result<(), StoreError> {
        let row = self.directory.connection(&failed.customer).await?;
        let is_newer = |row: Connection| {
            row.status != ConnectionStatus::Disconnected
                && (row.endings > failed.endings || row.generation > failed.generation)
        };
        if row.is_some_and(is_newer) {
            return Ok(());
        }
        self.end(&failed.customer).await
    }

    /// Stops deliveries to the old account before tokens of another are stored: a row that is behind its tokens catches
    /// up automatically, and must not do so with another account's. A disconnected one does not.
    async fn hold(&self, old: &Connection, status: &ConnectionStatus) -> Result<(), ConnectError> {
        let held = old.status == ConnectionStatus::Disconnected
            || self
                .directory
                .set_status(&old.customer, old.generation, status)
                .await?;
        if !held {
            return Err(ConnectError::Busy);
        }
        self.publish_status(&old.customer, status).await;
        Ok(())
    }
}

/// What was chosen before and still applies: for the same account only, and of its lists those that exist. Without a
/// `catalog`, the one known before is used.
fn still_chosen(
    old: Option<Connection>,
    account: &Account,
    catalog: Option<Catalog>,
) -> (Vec<RemoteId>, Option<Terms>, Catalog) {
    let same = old.filter(|old| old.account.id == account.id);
    let (mut lists, terms, known) = same
        .map(|old| (old.lists, old.terms, old.catalog))
        .unwrap_or_default();
    let catalog = catalog.unwrap_or(known);
    lists.retain(|list| catalog.lists.iter().any(|known| known.id == *list));
    (lists, terms, catalog)
}

fn outcome(status: &ConnectionStatus) -> CallbackOutcome {
    match status {
        ConnectionStatus::Limited {
            reason: LimitedReason::AccountChanged,
        } => CallbackOutcome::OtherAccount,
        _ => CallbackOutcome::Lists,
    }
}
