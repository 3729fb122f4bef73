//! Finding what the leads of a batch need to go out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use jiff::Timestamp;

use super::batch::LeadRequest;
use super::findings::Findings;
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
    pub(super) customer: Customer,
    pub(super) connection: Connection,
    forms: BTreeMap<FormId, Form>,
    pub(super) groups: Vec<SameAddress>,
    /// When the leads were claimed.
    pub(super) at: Timestamp,
}

/// A customer's leads of one batch, ready to go.
pub(super) struct Ready {
    pub(super) claimed: Claimed,
    access: Mutex<Access>,
    pub(super) findings: Findings,
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
}

impl Ready {
    fn new(claimed: Claimed, access: Access) -> Self {
        Self {
            claimed,
            access: Mutex::new(access),
            findings: Findings::default(),
        }
    }

    /// The newest token that this batch knows.
    pub(super) fn access(&self) -> Access {
        locked(&self.access).clone()
    }

    pub(super) fn set_access(&self, access: Access) {
        *locked(&self.access) = access;
    }

    /// The lists that a lead joins, as far as the batch knows by now, or what it waits for.
    pub(super) fn lists_of(&self, record: &LeadRecord) -> Result<Vec<RemoteId>, WaitReason> {
        let (claimed, gone) = (&self.claimed, self.findings.gone_lists());
        lists_of(&claimed.connection, &gone, &claimed.forms, record)
    }

    /// The account's custom fields, as far as the batch knows by now.
    pub(super) fn fields(&self) -> &[CustomField] {
        let known = &self.claimed.connection.catalog.custom_fields;
        self.findings.fields_read.get().unwrap_or(known)
    }

    /// The permission of a contact that is made now, as far as is known about the account.
    pub(super) fn permission_of_new(&self) -> Permission {
        let seen = self.claimed.connection.learned.confirmed_opt_in;
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
        let (leads, redeliver) = self.claim_all(&id, requests, owner, deadline).await;
        (self.sort_out(&id, leads, owner, at).await, redeliver)
    }

    /// Settles those of the leads claimed at this time that cannot go out. Returns the others, if any.
    async fn sort_out(
        &self,
        id: &CustomerId,
        leads: Vec<LeadRecord>,
        owner: &str,
        at: Timestamp,
    ) -> Option<Claimed> {
        if leads.is_empty() {
            return None;
        }
        let customer = match self.directory.customer(id).await {
            Ok(customer) => customer,
            Err(error) => {
                let outcome = self.defer("reading the customer", id, &error);
                self.settle(None, &leads, owner, &outcome).await;
                return None;
            }
        };
        let sendable = self
            .settle_unsendable(id, customer.as_ref(), leads, owner)
            .await;
        if sendable.is_empty() {
            return None;
        }
        let Some(customer) = customer else {
            let outcome = refused(RefusalReason::CustomerDeleted);
            self.settle(None, &sendable, owner, &outcome).await;
            return None;
        };
        match self.load(id, &sendable).await {
            Ok((connection, forms)) => {
                let claimed = Claimed {
                    customer,
                    connection,
                    forms,
                    groups: by_address(sendable),
                    at,
                };
                self.settle_waiting(claimed, owner).await
            }
            Err(outcome) => {
                let customer = Some(&customer);
                self.settle(customer, &sendable, owner, &outcome).await;
                None
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
                let is_unwanted =
                    |record: &LeadRecord| unwanted.contains(&record.lead.person(&self.keys));
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
            Ok(access) => return Some(Ready::new(claimed, access)),
            Err(error) => self.without_token(&customer.id, &error),
        };
        self.settle_all(&claimed, owner, &outcome).await;
        None
    }

    /// Settles all leads of a customer with one outcome.
    pub(super) async fn settle_all(&self, claimed: &Claimed, owner: &str, outcome: &Outcome) {
        let customer = Some(&claimed.customer);
        for leads in &claimed.groups {
            self.settle(customer, leads.iter(), owner, outcome).await;
        }
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
        let leads = leads.into_iter();
        let people = leads.map(|record| record.lead.person(&self.keys));
        let people: BTreeSet<_> = people.collect();
        if people.is_empty() {
            return Ok(people);
        }
        let listed = self.directory.suppressed(customer, &people).await;
        listed.map_err(|error| self.defer("reading who is never mailed", customer, &error))
    }

    /// What a customer's leads need to go out, or the outcome of all of them if it is missing.
    async fn load(
        &self,
        id: &CustomerId,
        leads: &[LeadRecord],
    ) -> Result<(Connection, BTreeMap<FormId, Form>), Outcome> {
        let later = |error| self.defer("reading the connection or a form", id, &error);
        let connection = self.directory.connection(id).await.map_err(later)?;
        let connection = connection.ok_or(Outcome::waits(WaitReason::NotConnected, None))?;
        connection
            .ensure_usable()
            .map_err(|why| Outcome::waits(why, None))?;
        let mut forms = BTreeMap::new();
        for record in leads {
            let id = &record.lead.form;
            if !forms.contains_key(id)
                && let Some(form) = self.directory.form(id).await.map_err(later)?
            {
                forms.insert(form.id.clone(), form);
            }
        }
        Ok((connection, forms))
    }
}
