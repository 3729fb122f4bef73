//! A small but faithful Constant Contact: accounts with contacts, rotating tokens, both limits, scripted faults.

mod account_state;
mod bulk;
mod calls;
mod contract;
mod guard;
mod tokens;

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::cell::Cell;
use super::clock::VirtualClock;
use super::faults::Faults;
use crate::domain::crm::CrmError;
use crate::domain::email::EmailAddress;
use crate::domain::ids::RemoteId;
use crate::domain::token::{Grant, Tokens};
use crate::ports::{Clock as _, TokenError};
use account_state::AccountState;
pub use account_state::{RemoteContact, RemotePermission};
use calls::Meter;
pub use calls::{Call, RemoteLimits};
use guard::Guard;
pub use tokens::TokenKind;
use tokens::{Code, Issued, Refreshable, User};

/// The server behind [`Authorization`](crate::ports::Authorization), [`Accounts`](crate::ports::Accounts) and
/// [`Contacts`](crate::ports::Contacts).
#[derive(Debug, Clone)]
pub struct FakeCrm {
    world: Cell<World>,
    clock: VirtualClock,
}

#[derive(Debug, Default)]
struct World {
    /// Secrets of applications by client id.
    apps: HashMap<String, String>,
    /// Accounts by their encoded ids.
    accounts: BTreeMap<String, AccountState>,
    codes: HashMap<String, Code>,
    access: HashMap<String, Issued>,
    refresh: HashMap<String, Refreshable>,
    kind: TokenKind,
    /// The scope that tokens are granted for, if not all.
    scope: Option<String>,
    limits: RemoteLimits,
    meters: HashMap<String, Meter>,
    calls: Vec<(Timestamp, Call)>,
    answers: VecDeque<CrmError>,
    answers_to: HashMap<Call, VecDeque<CrmError>>,
    slow: HashMap<Call, SignedDuration>,
    token_answers: VecDeque<TokenError>,
    edit: Option<fn(Grant) -> Grant>,
    verifiers: Vec<bool>,
    guard: Option<Guard>,
    last_number: u64,
}

impl World {
    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn next_id(&mut self) -> RemoteId {
        let id = format!("00000000-0000-4000-8000-{:012x}", self.next_number());
        id.parse().expect("it is a UUID")
    }

    fn account_state(&mut self, account: &str) -> &mut AccountState {
        self.accounts
            .get_mut(account)
            .expect("the account was opened")
    }
}

/// What a test arranges and inspects. None of it is a call, and none of it fails; an account never opened panics.
impl FakeCrm {
    /// No applications and no accounts.
    #[must_use]
    pub fn new(clock: VirtualClock, faults: &Faults) -> Self {
        Self {
            world: Cell::new(faults),
            clock,
        }
    }

    /// Makes an application known, or changes its secret.
    pub fn register(&self, client_id: &str, client_secret: &str) {
        let (id, secret) = (client_id.to_owned(), client_secret.to_owned());
        self.world.with(|world| world.apps.insert(id, secret));
    }

    /// Opens an account whose owner may do everything.
    pub fn open_account(&self, account: &str, name: &str) {
        let state = AccountState::new(account, name);
        let id = account.to_owned();
        self.world.with(|world| world.accounts.insert(id, state));
    }

    /// Gives an account a list.
    pub fn add_list(&self, account: &str, name: &str) -> RemoteId {
        self.world.with(|world| {
            let id = world.next_id();
            world.account_state(account).add_list(id.clone(), name);
            id
        })
    }

    /// Deletes a list.
    pub fn remove_list(&self, account: &str, list: &RemoteId) {
        self.world
            .with(|world| world.account_state(account).remove_list(list));
    }

    /// Gives an account a custom field.
    pub fn add_custom_field(&self, account: &str, label: &str) -> RemoteId {
        self.world.with(|world| {
            let id = world.next_id();
            world
                .account_state(account)
                .add_custom_field(id.clone(), label);
            id
        })
    }

    /// Sets the privileges of the user who connects.
    pub fn set_privileges(&self, account: &str, privileges: &[&str]) {
        let privileges = privileges.iter().map(|name| (*name).to_owned()).collect();
        self.world
            .with(|world| world.account_state(account).privileges = privileges);
    }

    /// Makes the API forbid all changes of contacts, though no privilege is missing.
    pub fn forbid_writes(&self, account: &str) {
        self.world
            .with(|world| world.account_state(account).forbids_writes = true);
    }

    /// Switches confirmed opt-in.
    pub fn set_confirmed_opt_in(&self, account: &str, on: bool) {
        self.world
            .with(|world| world.account_state(account).confirmed_opt_in = on);
    }

    /// Lets contacts that are not made by a sign-up skip the confirmation.
    pub fn skip_confirmation_without_sign_up(&self, account: &str) {
        self.world.with(|world| {
            world
                .account_state(account)
                .skips_confirmation_without_sign_up = true
        });
    }

    /// Makes an account refuse sign-ups with a 400 without a message, whatever is at fault.
    pub fn refuse_without_message(&self, account: &str) {
        self.world
            .with(|world| world.account_state(account).refuses_without_message = true);
    }

    /// Makes an account answer sign-ups without the contact's id.
    pub fn omit_contact_ids(&self, account: &str) {
        self.world
            .with(|world| world.account_state(account).omits_contact_ids = true);
    }

    /// Deletes a custom field.
    pub fn remove_custom_field(&self, account: &str, field: &RemoteId) {
        self.world
            .with(|world| world.account_state(account).remove_custom_field(field));
    }

    /// A person opts out.
    pub fn opt_out(&self, account: &str, email: &EmailAddress) {
        self.world.with(|world| {
            let id = world.next_id();
            let now = self.clock.now();
            world.account_state(account).opt_out(email, id, now);
        });
    }

    /// The account deletes a contact, if there is one of this address.
    pub fn delete_contact(&self, account: &str, email: &EmailAddress) {
        let now = self.clock.now();
        self.world
            .with(|world| world.account_state(account).delete_contact(email, now));
    }

    /// Makes the account's guard against abuse call an address invalid from now on, or no longer.
    pub fn flag_address(&self, account: &str, email: &EmailAddress, held: bool) {
        self.world.with(|world| {
            let addresses = &mut world.account_state(account).held_back;
            if held {
                addresses.insert(email.key());
            } else {
                addresses.remove(&email.key());
            }
        });
    }

    /// A contact.
    #[must_use]
    pub fn contact(&self, account: &str, email: &EmailAddress) -> Option<RemoteContact> {
        self.world
            .with(|world| world.account_state(account).contact(email).cloned())
    }

    /// Every contact of an account.
    #[must_use]
    pub fn contacts(&self, account: &str) -> Vec<RemoteContact> {
        self.world
            .with(|world| world.account_state(account).contacts())
    }

    /// The consent page: a code for an application, as the callback receives it once the account's owner has agreed.
    #[must_use]
    pub fn authorize(&self, account: &str, client_id: &str) -> String {
        self.issue_code_to(User::owner(account), client_id)
    }

    /// The same for another user of the account.
    #[must_use]
    pub fn authorize_as(&self, login: &str, account: &str, client_id: &str) -> String {
        self.issue_code_to(User::of(account, login), client_id)
    }

    fn issue_code_to(&self, user: User, client_id: &str) -> String {
        let now = self.clock.now();
        self.world
            .with(|world| world.issue_code(user, client_id, now))
    }

    /// Tokens of an account that was connected just now.
    ///
    /// # Panics
    /// Never: the grant is complete.
    #[must_use]
    pub fn connect(&self, account: &str, client_id: &str) -> Tokens {
        let now = self.clock.now();
        let grant = self
            .world
            .with(|world| world.issue(&User::owner(account), client_id, now));
        grant.into_tokens().expect("a complete grant")
    }

    /// The user revokes the access: the account's refresh tokens become invalid.
    pub fn revoke(&self, account: &str) {
        self.world.with(|world| {
            world
                .refresh
                .retain(|_, token| token.user.account != account)
        });
    }

    /// Makes all access tokens of the account invalid.
    pub fn expire_access(&self, account: &str) {
        self.world
            .with(|world| world.access.retain(|_, token| token.account != account));
    }

    /// Chooses the kind of refresh tokens.
    pub fn set_token_kind(&self, kind: TokenKind) {
        self.world.with(|world| world.kind = kind);
    }

    /// Grants tokens with only this scope from now on.
    pub fn grant_only(&self, scope: &str) {
        self.world
            .with(|world| world.scope = Some(scope.to_owned()));
    }

    /// Sets the limits of every application.
    pub fn set_limits(&self, limits: RemoteLimits) {
        self.world.with(|world| world.limits = limits);
    }

    /// Makes the API answer its next call with an error. [`CrmError::AnswerLost`] comes after the effect, every other
    /// instead of it.
    pub fn fail_next(&self, error: CrmError) {
        self.world.with(|world| world.answers.push_back(error));
    }

    /// The same for its next call of one kind.
    pub fn fail_next_call(&self, call: Call, error: CrmError) {
        self.world
            .with(|world| world.answers_to.entry(call).or_default().push_back(error));
    }

    /// Makes the answers to calls of one kind come this long after their effect.
    pub fn slow_down(&self, call: Call, by: SignedDuration) {
        self.world.with(|world| world.slow.insert(call, by));
    }

    /// Makes the token endpoint answer its next call with an error. [`TokenError::AnswerLost`] comes after the effect,
    /// every other instead of it.
    pub fn fail_next_token_call(&self, error: TokenError) {
        self.world
            .with(|world| world.token_answers.push_back(error));
    }

    /// Edits the answers to codes from now on.
    pub fn edit_grants(&self, edit: fn(Grant) -> Grant) {
        self.world.with(|world| world.edit = Some(edit));
    }

    /// For each code received, whether it came with a verifier.
    #[must_use]
    pub fn verifiers(&self) -> Vec<bool> {
        self.world.with(|world| world.verifiers.clone())
    }

    /// Drops the scripted answers that were still to come.
    pub fn clear_scripted_errors(&self) {
        self.world.with(|world| {
            world.answers.clear();
            world.answers_to.clear();
            world.token_answers.clear();
        });
    }

    /// Every call that arrived, including refused ones.
    #[must_use]
    pub fn calls(&self) -> Vec<(Timestamp, Call)> {
        self.world.with(|world| world.calls.clone())
    }

    /// How many calls of one kind arrived.
    #[must_use]
    pub fn count(&self, call: Call) -> usize {
        let same = |(_, other): &&(Timestamp, Call)| *other == call;
        self.world
            .with(|world| world.calls.iter().filter(same).count())
    }
}

/// How long an access token lasts.
const ACCESS_FOR: SignedDuration = SignedDuration::from_hours(24);
