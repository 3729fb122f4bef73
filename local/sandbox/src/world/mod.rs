//! The world model: accounts, contacts, apps and tokens, and what every call does to them.
//!
//! Pure and synchronous. Time, randomness and the readings of uncertain facts come in with each call as a [`Context`];
//! nothing here knows of HTTP.

mod account;
mod activity;
mod app;
mod authorize;
mod bulk;
mod contact;
mod contacts;
mod fields;
mod grants;
mod guard;
mod import;
mod limits;
mod lists;
mod oauth;
mod parts;
mod query;
mod refusal;
mod room;
mod scope;
mod seed;
mod sign_up;

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

pub use account::{Account, List, Role, Seat, Tag, User};
pub use activity::{Activity, ActivityState, Job, Tally};
pub use app::{App, TokenKind};
pub use authorize::{AuthorizeError, AuthorizeRequest, Grant};
pub use contact::{Address, ConfirmStatus, Contact, FieldData, Phone};
pub use contacts::email_of;
pub use fields::{Choice, CustomField};
pub use grants::{Access, Grants};
pub use guard::AddressGuard;
pub use limits::{Admission, Meter};
pub use oauth::{RefreshAnswer, TokenRefusal, TokenRequest, Tokens};
pub use query::{ContactQuery, Page, Span, StatusFilter};
pub use refusal::{ForbiddenBecause, Refusal};
pub use scope::{Scope, ScopeSet};
pub use seed::SeedContact;
pub use sign_up::{Action, SignedUp};

use crate::dice::Dice;
use crate::settings::Settings;

/// What a call needs besides the world itself.
pub struct Context<'a> {
    pub now: Timestamp,
    pub dice: &'a mut Dice,
    pub settings: &'a Settings,
}

#[derive(Debug)]
pub struct World {
    pub accounts: Vec<Account>,
    pub apps: BTreeMap<String, App>,
    pub grants: Grants,
    pub guard: AddressGuard,
    /// Contacts being written right now, by account and address or id.
    busy: HashSet<(usize, String)>,
}

impl World {
    pub fn seeded(now: Timestamp, dice: &mut Dice) -> Self {
        Self {
            accounts: seed::accounts(now, dice),
            apps: BTreeMap::new(),
            grants: Grants::default(),
            guard: AddressGuard::default(),
            busy: HashSet::new(),
        }
    }

    pub fn account(&self, encoded_id: &str) -> Option<&Account> {
        let mut accounts = self.accounts.iter();
        accounts.find(|account| account.encoded_id == encoded_id)
    }

    pub fn account_mut(&mut self, encoded_id: &str) -> Option<&mut Account> {
        let mut accounts = self.accounts.iter_mut();
        accounts.find(|account| account.encoded_id == encoded_id)
    }

    /// The user with this login, by position.
    pub fn seat(&self, login: &str) -> Option<Seat> {
        let mut accounts = self.accounts.iter().enumerate();
        accounts.find_map(|(account, known)| {
            let user = known.users.iter().position(|user| user.login == login)?;
            Some(Seat { account, user })
        })
    }

    /// Marks a contact as being written; a second writer is refused until [`Self::unlock_contact`].
    pub fn lock_contact(&mut self, account: usize, contact: &str) -> Result<(), Refusal> {
        if self.busy.insert((account, contact.to_owned())) {
            return Ok(());
        }
        Err(Refusal::Conflict(
            "Another request is modifying this contact.".into(),
        ))
    }

    pub fn unlock_contact(&mut self, account: usize, contact: &str) {
        self.busy.remove(&(account, contact.to_owned()));
    }

    /// Advances background activities to their state at `now`.
    pub fn settle(&mut self, now: Timestamp, dice: &mut Dice) {
        for account in &mut self.accounts {
            account.settle(now, dice);
        }
    }
}
