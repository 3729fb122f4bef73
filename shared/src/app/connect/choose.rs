use jiff::Timestamp;

use super::remote::has_name;
use super::{Connect, ConnectError};
use crate::app::requeue::{mark_lane_soon, release_waiting};
use crate::domain::connection::{
    Connection, ConnectionStatus, ContactList, LimitedReason, MAX_LISTS, Terms,
};
use crate::domain::contact::clean;
use crate::domain::customer::Customer;
use crate::domain::ids::RemoteId;
use crate::domain::keys::fingerprint;
use crate::ports::{Clock as _, Connections as _, Customers as _, Vault as _, Wiring};

/// The most characters of a list's name.
const LIST_NAME: usize = 255;

/// The text a customer confirms before the first lead goes out. It follows Constant Contact's permission policy.
#[must_use]
pub fn terms(brand: &str) -> String {
    format!(
        "Everyone whose details are sent to this account filled in one of our own forms and asked there to get \
         marketing e-mail from {brand}. We do not use lists that were bought, rented, borrowed, traded or collected \
         from other sources, and we keep the proof of each opt-in."
    )
}

/// What a customer chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Existing lists.
    pub lists: Vec<RemoteId>,
    /// The name of a list to be made.
    pub new_list: String,
    /// Fingerprint of the confirmed terms, as they were shown.
    pub terms: Option<String>,
    /// The IP address it came from.
    pub ip: Option<String>,
    /// The account that the page showed ([`Connected::account_named`]); a page of an earlier version named none.
    pub account: Option<String>,
}

/// What is wrong with a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChoiceFault {
    /// No list, existing or new.
    NoList,
    /// More than a contact can join.
    TooManyLists,
    /// A list the account does not have.
    UnknownList,
    /// The new list's name is too long.
    LongName,
    /// Constant Contact made no list with this name: the account is full, or the user may not make any.
    RefusedList,
    /// Another account was connected since the page was shown.
    OtherAccount,
    /// The terms were not confirmed, or not in today's version.
    TermsNotConfirmed,
}

/// A customer with the connection that its browser has just made.
#[derive(Debug, Clone)]
pub struct Connected {
    /// The customer.
    pub customer: Customer,
    /// Its connection.
    pub connection: Connection,
}

impl Connected {
    /// Today's terms.
    #[must_use]
    pub fn terms(&self) -> String {
        terms(&self.customer.brand)
    }

    /// How pages name the account, so that an answer to a page is about the account that it showed.
    #[must_use]
    pub fn account_fingerprint(&self) -> String {
        fingerprint(self.connection.account.id.as_str())
    }

    fn was_shown(&self, account: Option<&str>) -> bool {
        account.is_none_or(|named| named == self.account_fingerprint())
    }

    /// The confirmed terms, if they are today's: a new brand or new words are confirmed by whoever comes here next, and
    /// until then deliveries go by what was confirmed before.
    #[must_use]
    pub fn confirmed(&self) -> Option<&Terms> {
        let today = self.terms();
        let confirmed = self.connection.terms.as_ref();
        confirmed.filter(|terms| terms.text == today)
    }
}

impl<W: Wiring> Connect<W> {
    /// What the steps after the return are about. Costs no call of the API.
    ///
    /// # Errors
    /// [`ConnectError::Session`] if this browser has not redeemed a link, [`ConnectError::NotConnected`] if it has not
    /// come back from the authorization server with an account.
    pub async fn connected(&self, cookie: Option<&str>) -> Result<Connected, ConnectError> {
        let session = self.started(cookie).await?;
        let customer = self.directory.customer(session.customer()).await?;
        let connection = self.directory.connection(session.customer()).await?;
        match (customer, connection) {
            (Some(customer), Some(connection)) if session.sees(&connection) => Ok(Connected {
                customer,
                connection,
            }),
            _ => Err(ConnectError::NotConnected),
        }
    }

    /// Confirms that the other account is intended. Changes nothing if yet another one was connected since `shown` was
    /// asked about. Releases the leads that waited, if what was chosen for that account before is still there.
    ///
    /// # Errors
    /// Those of [`connected`](Self::connected), and [`ConnectError::Busy`] if the connection is changing.
    pub async fn confirm_account(
        &self,
        cookie: Option<&str>,
        shown: Option<&str>,
    ) -> Result<(), ConnectError> {
        let connected = self.connected(cookie).await?;
        let is_same_account = connected.was_shown(shown);
        let Connection {
            customer,
            generation,
            status,
            terms,
            ..
        } = connected.connection;
        let changed = ConnectionStatus::Limited {
            reason: LimitedReason::AccountChanged,
        };
        if !is_same_account || status != changed {
            return Ok(());
        }
        let (active, now) = (ConnectionStatus::Active, self.clock.now());
        if terms.is_some() {
            mark_lane_soon(&self.ledger, &customer, now).await?;
        }
        if !self
            .directory
            .set_status(&customer, generation, &active)
            .await?
        {
            return Err(ConnectError::Busy);
        }
        self.publish_status(&customer, &active).await;
        if terms.is_some() {
            release_waiting(&self.ledger, &self.queue, &customer, now).await?;
        }
        Ok(())
    }

    /// Writes lists and terms, and releases the leads that waited for them.
    ///
    /// # Errors
    /// [`ConnectError::Choice`] with everything that is wrong, [`ConnectError::NoNewList`] if a new list cannot be made
    /// now, [`ConnectError::NotReady`] if there is no active connection to choose for, and others.
    pub async fn choose(&self, cookie: Option<&str>, choice: Choice) -> Result<(), ConnectError> {
        let end = self.end_of_step();
        let connected = self.connected(cookie).await?;
        ensure_active(&connected.connection)?;
        if !connected.was_shown(choice.account.as_deref()) {
            return Err(ConnectError::Choice(vec![ChoiceFault::OtherAccount]));
        }
        let new_list = clean(&choice.new_list);
        let terms_text = connected.terms();
        let confirms = choice.terms == Some(fingerprint(&terms_text));
        let faults = faults(&choice, &new_list, confirms, &connected);
        if !faults.is_empty() {
            return Err(ConnectError::Choice(faults));
        }
        let Connected {
            customer,
            connection,
        } = connected;
        let new_list = match new_list.as_str() {
            "" => None,
            name => {
                let list = self.find_or_make_list(&connection, name, end).await;
                Some(list.map_err(new_list_error)?)
            }
        };
        let now = self.clock.now();
        let terms = confirms.then_some(Terms {
            accepted_at: now,
            ip: choice.ip,
            text: terms_text,
        });
        let chosen = chosen(connection, choice.lists, new_list, terms);
        mark_lane_soon(&self.ledger, &customer.id, now).await?;
        if !self.directory.choose(&chosen).await? {
            return Err(ConnectError::NotReady);
        }
        self.publish_status(&customer.id, &ConnectionStatus::Active)
            .await;
        release_waiting(&self.ledger, &self.queue, &customer.id, now).await?;
        Ok(())
    }

    /// Ends the connection of the session's customer.
    ///
    /// # Errors
    /// Those of [`connected`](Self::connected).
    pub async fn disconnect(&self, cookie: Option<&str>) -> Result<(), ConnectError> {
        let customer = self.connected(cookie).await?.customer.id;
        Ok(self.end(&customer).await?)
    }

    async fn find_or_make_list(
        &self,
        connection: &Connection,
        name: &str,
        end: Timestamp,
    ) -> Result<ContactList, ConnectError> {
        let known = connection.catalog.lists.iter();
        if let Some(list) = known.into_iter().find(|list| has_name(list, name)) {
            return Ok(list.clone());
        }
        let stored = self.vault.tokens(&connection.customer).await?;
        let token = stored.ok_or(ConnectError::NotReady)?.tokens.access;
        self.make_list(&connection.app, &token, name, end).await
    }
}

/// A new list that cannot be made now does not invalidate the rest of the choice, which can be saved again.
fn new_list_error(error: ConnectError) -> ConnectError {
    match error {
        ConnectError::Store(_)
        | ConnectError::Unavailable
        | ConnectError::Busy
        | ConnectError::NoCalls { .. } => ConnectError::NoNewList(Box::new(error)),
        other => other,
    }
}

/// The connection with what was chosen for it.
fn chosen(
    mut connection: Connection,
    mut lists: Vec<RemoteId>,
    new_list: Option<ContactList>,
    terms: Option<Terms>,
) -> Connection {
    lists.extend(new_list.as_ref().map(|list| list.id.clone()));
    lists.sort();
    lists.dedup();
    let gone = &mut connection.learned.lists_gone;
    gone.retain(|gone| !lists.contains(gone));
    let known = &mut connection.catalog.lists;
    known.extend(new_list.filter(|new| !known.contains(new)));
    Connection {
        lists,
        terms: terms.or(connection.terms),
        ..connection
    }
}

fn ensure_active(connection: &Connection) -> Result<(), ConnectError> {
    connection
        .ensure_usable()
        .map_err(|_| ConnectError::NotReady)
}

fn faults(
    choice: &Choice,
    new_list: &str,
    confirms: bool,
    connected: &Connected,
) -> Vec<ChoiceFault> {
    let known = |id: &RemoteId| {
        let mut lists = connected.connection.existing_lists();
        lists.any(|list| list.id == *id)
    };
    [
        (
            choice.lists.is_empty() && new_list.is_empty(),
            ChoiceFault::NoList,
        ),
        (
            choice.lists.len() + usize::from(!new_list.is_empty()) > MAX_LISTS,
            ChoiceFault::TooManyLists,
        ),
        (!choice.lists.iter().all(known), ChoiceFault::UnknownList),
        (new_list.chars().count() > LIST_NAME, ChoiceFault::LongName),
        (
            !confirms && connected.confirmed().is_none(),
            ChoiceFault::TermsNotConfirmed,
        ),
    ]
    .into_iter()
    .filter_map(|(at_fault, fault)| at_fault.then_some(fault))
    .collect()
}
