//! Finding what the leads of a batch need to go out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, OnceLock};

use jiff::Timestamp;

use super::batch::LeadRequest;
use super::outcome::Outcome;
use super::same_address::{SameAddress, by_address};
use super::{Drain, refused};
use crate::app::token_keeper::{Access, AccessError};
use crate::domain::connection::{Connection, CustomField, RefreshDecision};
use crate::domain::customer::Customer;
use crate::domain::form::Form;
use crate::domain::ids::{CustomerId, FormId, RemoteId};
use crate::domain::lead::{LeadRecord, Permission, RefusalReason, WaitReason};
use crate::domain::suppression::PersonId;
use crate::locked;
use crate::ports::{Clock, Connections, Customers, Forms, Suppressions, Wiring};

/// A customer's leads of one batch, claimed, with everything they need to go out except a token.
pub(super) struct Claimed {
    customer: Customer,
    connection: Connection,
    forms: BTreeMap<FormId, Form>,
    groups: Vec<SameAddress>,
    at: Timestamp,
}

/// A customer's leads of one batch, ready to go.
pub(super) struct Ready {
    pub(super) customer: Customer,
    pub(super) connection: Connection,
    access: Mutex<Access>,
    /// Lists that this batch has looked up, and whether they exist.
    lists_seen: Mutex<BTreeMap<RemoteId, bool>>,
    /// Held by whichever lead of this batch looks up lists: the others wait for what it finds.
    pub(super) looking_for_lists: futures_util::lock::Mutex<()>,
    /// Custom fields, if this batch has read them again.
    pub(super) fields_read: OnceLock<Vec<CustomField>>,
    /// Held by whichever lead of this batch reads them, as above.
    pub(super) reading_fields: futures_util::lock::Mutex<()>,
    /// Whether a lead of this batch already looks at how the account makes new contacts.
    pub(super) looks_at_new: AtomicBool,
    /// Whether the connection was found to lack a right, once a lead of this batch has asked; held by the one that
    /// asks.
    pub(super) lacks_right: futures_util::lock::Mutex<Option<bool>>,
    pub(super) forms: BTreeMap<FormId, Form>,
    pub(super) groups: Vec<SameAddress>,
    /// When the leads were claimed.
    pub(super) claimed_at: Timestamp,
}

impl Claimed {
    /// Whether there is a token that needs no refresh, for which others of the batch would have to wait.
    pub(super) fn has_token(&self, stack: &str, now: Timestamp) -> bool {
        self.connection.refresh_decision(stack, None, now) == RefreshDecision::Fresh
    }

    /// Takes out the leads that have no list to join, before a call is reserved for them or they hold up another lead
    /// of their address.
    fn without_list(&mut self) -> Vec<LeadRecord> {
        let (connection, forms) = (&self.connection, &self.forms);
        let groups = std::mem::take(&mut self.groups).into_iter();
        let records = groups.flat_map(SameAddress::into_records);
        let (joining, without): (Vec<_>, Vec<_>) =
            records.partition(|record| lists_of(connection, &[], forms, record).is_ok());
        self.groups = by_address(joining);
        without
    }

    /// Leaves each address only as many leads as may go out in one call; returns the others.
    fn take_excess(&mut self) -> Vec<LeadRecord> {
        let (connection, forms) = (&self.connection, &self.forms);
        let lists =
            |record: &LeadRecord| lists_of(connection, &[], forms, record).unwrap_or_default();
        let groups = self.groups.iter_mut();
        let others = groups.flat_map(|leads| leads.take_beyond_lists(lists));
        others.collect()
    }

    fn with(self, access: Access) -> Ready {
        Ready {
            customer: self.customer,
            connection: self.connection,
            access: Mutex::new(access),
            lists_seen: Mutex::default(),
            looking_for_lists: Default::default(),
            fields_read: OnceLock::new(),
            reading_fields: Default::default(),
            looks_at_new: AtomicBool::new(false),
            lacks_right: Default::default(),
            forms: self.forms,
            groups: self.groups,
            claimed_at: self.at,
        }
    }
}

impl Ready {
    /// The newest token that this batch knows.
    pub(super) fn access(&self) -> Access {
        locked(&self.access).clone()
    }

    pub(super) fn set_access(&self, access: Access) {
        *locked(&self.access) = access;
    }

    /// Notes, for all leads of the batch, whether a list exists.
    pub(super) fn note_list(&self, list: &RemoteId, is_there: bool) {
        locked(&self.lists_seen).insert(list.clone(), is_there);
    }

    /// Whether this batch has looked up the list.
    pub(super) fn has_looked_for(&self, list: &RemoteId) -> bool {
        locked(&self.lists_seen).contains_key(list)
    }

    /// The lists that a lead joins, as far as the batch knows by now, or what it waits for.
    pub(super) fn lists_of(&self, record: &LeadRecord) -> Result<Vec<RemoteId>, WaitReason> {
        let seen = locked(&self.lists_seen);
        let gone = seen.iter().filter(|(_, is_there)| !**is_there);
        let gone: Vec<_> = gone.map(|(list, _)| list.clone()).collect();
        lists_of(&self.connection, &gone, &self.forms, record)
    }

    /// The account's custom fields, as far as the batch knows by now.
    pub(super) fn fields(&self) -> &[CustomField] {
        let known = &self.connection.catalog.custom_fields;
        self.fields_read.get().unwrap_or(known)
    }

    /// The permission of a contact that is made now, as far as is known about the account.
    pub(super) fn permission_of_new(&self) -> Permission {
        let seen = self.connection.learned.confirmed_opt_in;
        seen.map_or(Permission::Explicit, |seen| seen.permission())
    }
}

fn lists_of(
    connection: &Connection,
    gone: &[RemoteId],
    forms: &BTreeMap<FormId, Form>,
    record: &LeadRecord,
) -> Result<Vec<RemoteId>, WaitReason> {
    let own = forms.get(&record.lead.form).map(|form| &form.lists[..]);
    connection.lists_without(gone, own.unwrap_or_default())
}

impl<W: Wiring> Drain<W> {
    /// Claims a customer's leads and settles at once what cannot go out. Returns what may, and the messages to be
    /// redelivered.
    pub(super) async fn prepare(
        &self,
        id: CustomerId,
        requests: Vec<LeadRequest>,
        owner: &str,
        deadline: Timestamp,
    ) -> (Option<Claimed>, Vec<String>) {
        let at = self.keeper.clock.now();
        let (claimed, redeliver) = self.claim_all(&id, requests, owner, deadline).await;
        if claimed.is_empty() {
            return (None, redeliver);
        }
        let customer = match self.directory.customer(&id).await {
            Ok(customer) => customer,
            Err(error) => {
                let outcome = self.defer("reading the customer", &id, &error);
                self.settle(None, &claimed, owner, &outcome).await;
                return (None, redeliver);
            }
        };
        let mut sendable = self
            .settle_unsendable(&id, customer.as_ref(), claimed, owner)
            .await;
        if sendable.is_empty() {
            return (None, redeliver);
        }
        match self.load(&id, customer.clone(), &mut sendable, at).await {
            Ok(loaded) => (self.settle_waiting(loaded, owner).await, redeliver),
            Err(outcome) => {
                let customer = customer.as_ref();
                self.settle(customer, &sendable, owner, &outcome).await;
                (None, redeliver)
            }
        }
    }

    /// Settles what must never go out, whatever the connection. Returns the others.
    async fn settle_unsendable(
        &self,
        id: &CustomerId,
        customer: Option<&Customer>,
        claimed: Vec<LeadRecord>,
        owner: &str,
    ) -> Vec<LeadRecord> {
        let (sealed, broken): (Vec<_>, Vec<_>) = claimed
            .into_iter()
            .partition(|record| record.lead.is_sealed(&self.keys));
        if let Some(first) = broken.first() {
            tracing::error!(lead.id = %first.lead.id, "a consent record was changed after it was sealed");
            let outcome = refused(RefusalReason::SealBroken);
            self.settle(customer, &broken, owner, &outcome).await;
        }
        let now = self.keeper.clock.now();
        let (old, good): (Vec<_>, Vec<_>) = sealed
            .into_iter()
            .partition(|record| record.lead.consent.is_too_old(now));
        let outcome = refused(RefusalReason::ConsentTooOld);
        self.settle(customer, &old, owner, &outcome).await;
        let (settled, others, outcome) = match self.suppressed(id, &good).await {
            Ok(unwanted) => {
                let is_unwanted = |record: &LeadRecord| unwanted.contains(&self.person(id, record));
                let (settled, others) = good.into_iter().partition(is_unwanted);
                (settled, others, refused(RefusalReason::Suppressed))
            }
            Err(outcome) => (good, vec![], outcome),
        };
        self.settle(customer, &settled, owner, &outcome).await;
        others
    }

    /// Settles what waits before a call is reserved for it, because it has no list or to let others of its address go
    /// first. Returns the rest, if any.
    async fn settle_waiting(&self, mut loaded: Claimed, owner: &str) -> Option<Claimed> {
        let no_list = Outcome::waits(WaitReason::NoList, None);
        for (leads, outcome) in [
            (loaded.without_list(), no_list),
            (loaded.take_excess(), self.not_now()),
        ] {
            let customer = &loaded.customer;
            self.settle(Some(customer), &leads, owner, &outcome).await;
        }
        (!loaded.groups.is_empty()).then_some(loaded)
    }

    /// Gets a token for a customer's leads; `None` if there is none, or no time to refresh it, and the leads wait.
    pub(super) async fn admit(
        &self,
        claimed: Claimed,
        owner: &str,
        deadline: Timestamp,
    ) -> Option<Ready> {
        let customer = &claimed.customer;
        let outcome = match self.keeper.access(&customer.id, None, deadline).await {
            Ok(access) => return Some(claimed.with(access)),
            Err(error) => self.without_token(&customer.id, &error),
        };
        for leads in &claimed.groups {
            self.settle(Some(customer), leads.iter(), owner, &outcome)
                .await;
        }
        None
    }

    /// The outcome of leads for which there is no token.
    pub(super) fn without_token(&self, customer: &CustomerId, error: &AccessError) -> Outcome {
        match error {
            AccessError::Waits(why) => Outcome::waits(*why, None),
            AccessError::Busy { until } => Outcome::waits(WaitReason::Upstream, Some(*until)),
            AccessError::Store(error) => self.defer("reading the token", customer, error),
        }
    }

    /// Which of these people the customer never wants mailed.
    pub(super) async fn suppressed(
        &self,
        customer: &CustomerId,
        leads: impl IntoIterator<Item = &LeadRecord>,
    ) -> Result<BTreeSet<PersonId>, Outcome> {
        let people = leads
            .into_iter()
            .map(|record| self.person(customer, record));
        let people: BTreeSet<_> = people.collect();
        if people.is_empty() {
            return Ok(people);
        }
        let listed = self.directory.suppressed(customer, &people).await;
        listed.map_err(|error| self.defer("reading who is never mailed", customer, &error))
    }

    fn person(&self, customer: &CustomerId, record: &LeadRecord) -> PersonId {
        PersonId::of(&self.keys, customer, &record.lead.contact.email)
    }

    /// What a customer's leads need to go out, or the outcome of all of them if it is missing.
    async fn load(
        &self,
        id: &CustomerId,
        customer: Option<Customer>,
        claimed: &mut Vec<LeadRecord>,
        at: Timestamp,
    ) -> Result<Claimed, Outcome> {
        let later = |error| self.defer("reading the connection or a form", id, &error);
        let customer = customer.ok_or_else(|| refused(RefusalReason::CustomerDeleted))?;
        let connection = self.directory.connection(id).await.map_err(later)?;
        let connection = connection.ok_or(Outcome::waits(WaitReason::NotConnected, None))?;
        connection
            .ensure_usable()
            .map_err(|why| Outcome::waits(why, None))?;
        let mut forms = BTreeMap::new();
        for record in claimed.iter() {
            if !forms.contains_key(&record.lead.form)
                && let Some(form) = self
                    .directory
                    .form(&record.lead.form)
                    .await
                    .map_err(later)?
            {
                forms.insert(form.id.clone(), form);
            }
        }
        let groups = by_address(std::mem::take(claimed));
        Ok(Claimed {
            customer,
            connection,
            forms,
            groups,
            at,
        })
    }
}
