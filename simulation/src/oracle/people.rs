//! What people did, and what they were told.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::ids::{CustomerId, ImportId, LeadId};

use super::{Oracle, Promise, RACE};

/// A person as one customer knows them: by the key of their address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// The customer whose form they filled in.
    pub customer: CustomerId,
    /// The address in lower case.
    pub email: String,
}

/// What is known of a person.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// When they last agreed.
    pub agreed_at: Option<Timestamp>,
    /// When they left the account's mail, unless they were brought back since.
    pub left_at: Option<Timestamp>,
    /// The accounts in which their contact was deleted, and when, unless it was brought back since.
    pub removed_at: BTreeMap<String, Timestamp>,
    /// Since when the customer does not want them mailed.
    pub unwanted_since: Option<Timestamp>,
}

/// What is known of a customer.
#[derive(Debug, Clone, Default)]
pub(super) struct Side {
    pub app: String,
    pub bulk: bool,
    pub deleted_at: Option<Timestamp>,
    /// Accounts that somebody confirmed.
    pub accounts: BTreeSet<String>,
    /// Since when the account asks new contacts to confirm.
    pub confirms_since: Option<Timestamp>,
    /// Imports whose call is about to be made, or was made.
    pub submitting: BTreeSet<ImportId>,
    /// Whether imports have failed or vanished, so that rows may come twice.
    pub imports_troubled: bool,
}

/// How a submission is identified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// By its key.
    Key(String),
    /// By its content.
    Content(String),
}

/// What a sender was told.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The customer whose form it was.
    pub customer: CustomerId,
    /// The lead they were promised.
    pub lead: LeadId,
    /// How the submission is identified.
    pub name: Name,
    /// When it came in.
    pub came_at: Timestamp,
    /// Whether it met any fault.
    pub shaken: bool,
}

/// How long a key stands for one lead.
const KEY_LIVES: SignedDuration = SignedDuration::from_hours(24);

impl Oracle {
    /// Adds a customer.
    pub fn customer(&mut self, customer: &CustomerId, app: &str, bulk: bool) {
        let side = self.side(customer);
        (side.app, side.bulk) = (app.to_owned(), bulk);
    }

    pub(super) fn side(&mut self, customer: &CustomerId) -> &mut Side {
        self.customers.entry(customer.clone()).or_default()
    }

    pub(super) fn person(&mut self, person: &Person) -> &mut Known {
        self.people.entry(person.clone()).or_default()
    }

    /// A person ticks the box.
    pub fn agrees(&mut self, person: &Person, given_at: Timestamp) {
        let known = self.person(person);
        known.agreed_at = known.agreed_at.max(Some(given_at));
    }

    /// Whether a person has agreed since a moment.
    pub fn has_just_agreed(&mut self, person: &Person, since: Timestamp) -> bool {
        self.person(person).agreed_at.is_some_and(|at| at > since)
    }

    /// A person leaves an account's mail.
    pub fn leaves(&mut self, person: &Person) {
        let now = self.now();
        self.person(person).left_at = Some(now);
    }

    /// A person's contact is deleted in an account; an import under way may undo that.
    pub fn is_removed(&mut self, person: &Person, account: &str) {
        let (now, imported) = (self.now(), self.imports_at.get(account));
        if imported.is_some_and(|at| now.duration_since(*at) < RACE) {
            return;
        }
        let removed = &mut self.person(person).removed_at;
        removed.insert(account.to_owned(), now);
    }

    /// The customer does not want a person mailed, or allows it again.
    pub fn wants(&mut self, person: &Person, wanted: bool) {
        let now = self.now();
        let known = self.person(person);
        known.unwanted_since = (!wanted).then(|| known.unwanted_since.unwrap_or(now));
    }

    /// A person is to be erased.
    pub fn erases(&mut self, person: &Person) {
        self.erased.insert(person.clone());
    }

    /// A customer is gone.
    pub fn deleted(&mut self, customer: &CustomerId) {
        let now = self.now();
        self.side(customer).deleted_at.get_or_insert(now);
    }

    /// Somebody confirmed that this is the right account.
    pub fn means(&mut self, customer: &CustomerId, account: &str) {
        self.side(customer).accounts.insert(account.to_owned());
    }

    /// The account asks for confirmations, or no longer does.
    pub fn asks_to_confirm(&mut self, customer: &CustomerId, on: bool) {
        let now = self.now();
        let side = self.side(customer);
        side.confirms_since = on.then(|| side.confirms_since.unwrap_or(now));
    }

    /// Imports of a customer may fail from now on.
    pub fn imports_may_fail(&mut self, customer: &CustomerId) {
        self.side(customer).imports_troubled = true;
    }

    /// A sender is told that their lead is kept.
    pub fn answered(&mut self, answer: Answer) {
        let now = self.now();
        if self.was_erased_before(&answer.lead, answer.came_at) {
            let how = format!("{} was promised although it was erased before", answer.lead);
            self.object(Promise::NothingLost, how);
        }
        if self.answered.insert(answer.lead.clone()) && !self.leads.contains_key(&answer.lead) {
            self.unrecorded.insert(answer.lead.clone());
        }
        let key = match &answer.name {
            Name::Key(key) => (answer.customer, key.clone()),
            Name::Content(_) => return self.told_alike(answer),
        };
        if answer.shaken {
            // It is uncertain now whether it stands for anything.
            self.keys.insert(key, None);
            return;
        }
        let new = Some((answer.lead.clone(), now));
        let erased = |known: &(LeadId, Timestamp)| self.was_erased_before(&known.0, answer.came_at);
        if self
            .keys
            .get(&key)
            .and_then(Option::as_ref)
            .is_some_and(erased)
        {
            self.keys.insert(key, new);
            return;
        }
        let Some(known) = self.keys.entry(key).or_insert_with(|| new.clone()) else {
            return;
        };
        let age = now.duration_since(known.1);
        if age >= KEY_LIVES {
            *known = (answer.lead, now);
        } else if known.0 != answer.lead && age < KEY_LIVES - RACE {
            let how = format!("one key stood for {} and then for {}", known.0, answer.lead);
            self.object(Promise::Once, how);
        }
    }

    /// A sender gets a server error.
    pub fn failed_by_us(&mut self, shaken: bool) {
        if !shaken {
            let how = "a submission failed although everything worked";
            self.object(Promise::NoFailureByInput, how);
        }
    }

    /// A lead is shown to a customer.
    pub fn shown(&mut self, to: &CustomerId, whose: &CustomerId) {
        if to != whose {
            let how = format!("{to} was shown a lead of {whose}");
            self.object(Promise::OwnDataOnly, how);
        }
    }
}
