//! What people did, and what senders were answered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::ids::{CustomerId, ImportId, LeadId};

use super::{MAX_LOOKUP_AGE, Oracle, Promise};

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
pub(super) struct KnownPerson {
    /// When they last consented.
    pub consented_at: Option<Timestamp>,
    /// When they unsubscribed from the account, unless they were signed up again since.
    pub opted_out_at: Option<Timestamp>,
    /// The accounts in which their contact was deleted, and when, unless it was signed up again since.
    pub removed_at: BTreeMap<String, Timestamp>,
    /// Since when the customer does not want them mailed.
    pub unwanted_since: Option<Timestamp>,
}

/// What is known of a customer.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownCustomer {
    pub app: String,
    pub bulk: bool,
    pub deleted_at: Option<Timestamp>,
    /// Accounts that somebody confirmed.
    pub accounts: BTreeSet<String>,
    /// Since when the account asks new contacts to confirm.
    pub confirms_since: Option<Timestamp>,
    /// Imports whose call is about to be made, or was made.
    pub submitting: BTreeSet<ImportId>,
    /// Whether imports have failed or vanished, so that rows may be imported twice.
    pub imports_unreliable: bool,
}

/// How a submission is identified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubmissionId {
    /// By its key.
    Key(String),
    /// By its content.
    Content(String),
}

/// The answer that accepted a lead.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Who filled in whose form.
    pub person: Person,
    /// The lead that was accepted.
    pub lead: LeadId,
    /// How the submission is identified.
    pub submission_id: SubmissionId,
    /// When it came in.
    pub received_at: Timestamp,
    /// Whether it met any fault.
    pub disturbed: bool,
}

/// How long a key stands for one lead.
const KEY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

impl Oracle {
    /// Adds a customer.
    pub fn add_customer(&mut self, customer: &CustomerId, app: &str, bulk: bool) {
        let known = self.known_customer(customer);
        (known.app, known.bulk) = (app.to_owned(), bulk);
    }

    pub(super) fn known_customer(&mut self, customer: &CustomerId) -> &mut KnownCustomer {
        self.customers.entry(customer.clone()).or_default()
    }

    pub(super) fn known_person(&mut self, person: &Person) -> &mut KnownPerson {
        self.people.entry(person.clone()).or_default()
    }

    /// A person ticks the consent box.
    pub fn consented(&mut self, person: &Person, given_at: Timestamp) {
        let known = self.known_person(person);
        known.consented_at = known.consented_at.max(Some(given_at));
    }

    /// Whether a person has consented since a time.
    pub fn consented_since(&mut self, person: &Person, since: Timestamp) -> bool {
        self.known_person(person)
            .consented_at
            .is_some_and(|at| at > since)
    }

    /// A person unsubscribes from an account.
    pub fn opted_out(&mut self, person: &Person) {
        let now = self.now();
        self.known_person(person).opted_out_at = Some(now);
    }

    /// A person's contact is deleted in an account; an import under way may undo that.
    pub fn contact_deleted(&mut self, person: &Person, account: &str) {
        let (now, imported) = (self.now(), self.imports_at.get(account));
        if imported.is_some_and(|at| now.duration_since(*at) < MAX_LOOKUP_AGE) {
            return;
        }
        let removed = &mut self.known_person(person).removed_at;
        removed.insert(account.to_owned(), now);
    }

    /// The customer does not want a person mailed, or allows it again.
    pub fn set_wanted(&mut self, person: &Person, wanted: bool) {
        let now = self.now();
        let known = self.known_person(person);
        known.unwanted_since = (!wanted).then(|| known.unwanted_since.unwrap_or(now));
    }

    /// The erasure of a person was requested.
    pub fn erasure_requested(&mut self, person: &Person) {
        let now = self.now();
        self.erased.insert(person.clone(), now);
    }

    /// A customer was deleted.
    pub fn customer_deleted(&mut self, customer: &CustomerId) {
        let now = self.now();
        self.known_customer(customer).deleted_at.get_or_insert(now);
    }

    /// Somebody confirmed that this is the right account.
    pub fn account_confirmed(&mut self, customer: &CustomerId, account: &str) {
        self.known_customer(customer)
            .accounts
            .insert(account.to_owned());
    }

    /// The account asks for confirmations, or no longer does.
    pub fn set_confirmation(&mut self, customer: &CustomerId, on: bool) {
        let now = self.now();
        let known = self.known_customer(customer);
        known.confirms_since = on.then(|| known.confirms_since.unwrap_or(now));
    }

    /// Imports of a customer may fail from now on.
    pub fn imports_may_fail(&mut self, customer: &CustomerId) {
        self.known_customer(customer).imports_unreliable = true;
    }

    /// A sender is answered that their lead is accepted.
    pub fn answered(&mut self, answer: Answer) {
        let now = self.now();
        if self.was_erased_before(&answer.lead, answer.received_at) {
            let how = format!(
                "{} was accepted although it had been erased before",
                answer.lead
            );
            self.report_violation(Promise::NothingLost, how);
        }
        if self.answered.insert(answer.lead.clone()) && !self.leads.contains_key(&answer.lead) {
            let origin = (answer.person.clone(), answer.received_at);
            self.unrecorded.insert(answer.lead.clone(), origin);
        }
        let key = match &answer.submission_id {
            SubmissionId::Key(key) => (answer.person.customer, key.clone()),
            SubmissionId::Content(_) => return self.check_duplicates(answer),
        };
        if answer.disturbed {
            // Whether the key stands for a lead is uncertain now.
            self.keys.insert(key, None);
            return;
        }
        let new = Some((answer.lead.clone(), now));
        let erased =
            |known: &(LeadId, Timestamp)| self.was_erased_before(&known.0, answer.received_at);
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
        if age >= KEY_LIFETIME {
            *known = (answer.lead, now);
        } else if known.0 != answer.lead && age < KEY_LIFETIME - MAX_LOOKUP_AGE {
            let how = format!("one key stood for {} and then for {}", known.0, answer.lead);
            self.report_violation(Promise::Once, how);
        }
    }

    /// A submission or a run of the scheduler failed.
    pub fn check_failure(&mut self, disturbed: bool) {
        if !disturbed {
            let how = "a submission or a run failed although everything worked";
            self.report_violation(Promise::NoFailureByInput, how);
        }
    }

    /// A lead is shown to a customer.
    pub fn lead_shown(&mut self, to: &CustomerId, owner: &CustomerId) {
        if to != owner {
            let how = format!("{to} was shown a lead of {owner}");
            self.report_violation(Promise::OwnDataOnly, how);
        }
    }
}
