//! What deliveries find out about an account beyond the answers of the API.

use std::mem;
use std::sync::atomic::Ordering;

use super::Drain;
use super::ask::CallError;
use super::call::Delivery;
use super::outcome::Outcome;
use super::sign_up::lists_of_all;
use super::turns::Turn;
use crate::app::publish::mark_list_gone;
use crate::domain::connection::ConfirmedOptIn;
use crate::domain::crm::CrmError;
use crate::domain::customer::BulkImport;
use crate::domain::email::EmailAddress;
use crate::domain::ids::RemoteId;
use crate::domain::lead::{DeliveryAction, Permission};
use crate::ports::{Accounts, Clock, Connections, Contacts, SignUp, SignedUp, Wiring};

impl<W: Wiring> Drain<W> {
    /// Checks which lists of a call are gone and leaves them out; says whether there were any.
    ///
    /// # Errors
    /// The outcome of the leads if no list is left for them, or if nobody can look.
    pub(super) async fn leave_out_lists(
        &self,
        delivery: &Delivery<'_>,
        sign_up: &mut SignUp,
    ) -> Result<bool, Outcome> {
        let Delivery { turn, leads, .. } = *delivery;
        let findings = &turn.ready.findings;
        let looking = findings.looking_for_lists.lock().await;
        for list in &sign_up.lists {
            if findings.has_looked_for(list) {
                continue;
            }
            let look = async |token| self.crm.has_list(&token, list).await;
            let is_there = match self.ask(turn, None, look).await {
                Ok(is_there) => is_there,
                Err(error) => return Err(self.outcome_of(&error.failed()?, leads.newest())),
            };
            findings.note_list(list, is_there);
            if !is_there {
                self.publish_list_gone(turn, list).await;
            }
        }
        drop(looking);
        let left = match lists_of_all(turn.ready, leads) {
            Ok(left) => left,
            // The next drain knows which lists are gone, and separates these leads from those that wait for a list.
            Err(_)
                if leads
                    .iter()
                    .any(|record| turn.ready.lists_of(record).is_ok()) =>
            {
                return Err(self.not_now());
            }
            Err(why) => return Err(Outcome::waits(why, None)),
        };
        let before = mem::replace(&mut sign_up.lists, left);
        Ok(sign_up.lists != before)
    }

    async fn publish_list_gone(&self, turn: &Turn<'_>, list: &RemoteId) {
        let (customer, now) = (&turn.customer().id, self.keeper.clock.now());
        let marked =
            mark_list_gone(&self.directory, &self.keeper.events, customer, list, now).await;
        self.warn_on_fail("noting that a list is gone", customer, marked);
    }

    /// Reads the account's custom fields again if leads have values that none of them accepts, unless that was done, or
    /// failed, within a day; drains that do so at the same moment each read them. The look-up takes the moment, and
    /// costs the leads nothing if it fails.
    pub(super) async fn learn_fields(&self, delivery: &mut Delivery<'_>) {
        let (connection, now) = (delivery.turn.connection(), self.keeper.clock.now());
        let contacts = delivery.leads.iter().map(|record| &record.lead.contact);
        let mut old = contacts.filter(|contact| connection.may_have_new_field_for(contact, now));
        if old.next().is_some() {
            self.read_fields(delivery).await;
        }
    }

    /// Asks the account which custom fields it has, once per batch.
    pub(super) async fn read_fields(&self, delivery: &mut Delivery<'_>) {
        let turn = delivery.turn;
        let (connection, findings) = (turn.connection(), &turn.ready.findings);
        let reading = findings.reading_fields.lock().await;
        if findings.fields_read.get().is_some() {
            return;
        }
        // A user who may sign people up but not see fields is no reason to stop.
        let look = async |token| match self.crm.custom_fields(&token).await {
            Err(CrmError::Forbidden) => Ok(None),
            answer => answer.map(Some),
        };
        let answer = match self.ask(turn, delivery.moment.take(), look).await {
            Ok(answer) => answer,
            // No lead goes out either, and the next one that does may ask.
            Err(
                CallError::Deferred(_)
                | CallError::Failed(
                    CrmError::QuotaExceeded | CrmError::Throttled { .. } | CrmError::Unauthorized,
                ),
            ) => return,
            Err(CallError::Failed(_)) => None,
        };
        let (customer, since) = (&connection.customer, connection.connected_at);
        let (fields, now) = (answer.as_deref(), self.keeper.clock.now());
        let noted = self.directory.record_fields(customer, since, fields, now);
        self.warn_on_fail("noting the custom fields", customer, noted.await);
        if answer.is_none() {
            tracing::warn!(customer.id = %customer, "the custom fields could not be read");
        }
        let fields = answer.unwrap_or_else(|| connection.catalog.custom_fields.clone());
        findings.fields_read.get_or_init(|| fields);
        drop(reading);
    }

    /// The permission a contact has after its sign-up. An account may ask for a confirmation by mail, which only a look
    /// at a newly made contact shows; one is looked at per week, or per day if imports depend on it. An existing
    /// contact may still have to confirm if the account asks for it.
    pub(super) async fn permission(
        &self,
        turn: &Turn<'_>,
        signed_up: &SignedUp,
        sign_up: &SignUp,
    ) -> Permission {
        let (ready, email) = (turn.ready, &sign_up.contact.email);
        if signed_up.action != DeliveryAction::Created {
            return match ready.permission_of_new() {
                Permission::PendingConfirmation => self.permission_of_existing(turn, email).await,
                other => other,
            };
        }
        let known = turn.connection().learned.confirmed_opt_in;
        let imports = turn.customer().bulk_import == BulkImport::WhenOverBudget;
        let now = self.keeper.clock.now();
        let current = known.is_some_and(|seen| seen.is_current(imports, now));
        let shows = email.fits_sign_up() && !current;
        let seen = if shows && !ready.findings.looks_at_new.swap(true, Ordering::Relaxed) {
            self.look_at_new(turn, email).await
        } else {
            None
        };
        seen.map_or(ready.permission_of_new(), |seen| seen.permission())
    }

    /// How the account made a contact. It costs the lead nothing if that cannot be seen now.
    async fn look_at_new(&self, turn: &Turn<'_>, email: &EmailAddress) -> Option<ConfirmedOptIn> {
        let permission = self.look_at(turn, email).await?;
        let seen = ConfirmedOptIn {
            on: permission == Permission::PendingConfirmation,
            seen_at: self.keeper.clock.now(),
        };
        let (customer, since) = (&turn.customer().id, turn.connection().connected_at);
        let noted = self.directory.record_opt_in(customer, since, seen).await;
        self.warn_on_fail("noting how contacts are made", customer, noted);
        Some(seen)
    }

    /// The permission of an existing contact in an account that asks for confirmations. One that cannot be seen has yet
    /// to confirm.
    async fn permission_of_existing(&self, turn: &Turn<'_>, email: &EmailAddress) -> Permission {
        let permission = self.look_at(turn, email).await;
        permission.unwrap_or(Permission::PendingConfirmation)
    }

    async fn look_at(&self, turn: &Turn<'_>, email: &EmailAddress) -> Option<Permission> {
        let look = async |token| self.crm.find(&token, email).await;
        self.ask(turn, None, look).await.ok()??.permission
    }
}
