//! What deliveries find out about an account that no answer of the API says.

use std::sync::atomic::Ordering;

use super::Drain;
use super::ask::Stopped;
use super::outcome::Outcome;
use super::turns::Turn;
use crate::domain::connection::{ConfirmedOptIn, Connection, Learned};
use crate::domain::crm::CrmError;
use crate::domain::customer::BulkImport;
use crate::domain::email::EmailAddress;
use crate::domain::ids::RemoteId;
use crate::domain::lead::{DeliveryAction, LeadRecord, Permission, WaitReason};
use crate::ports::{
    Accounts, Clock, Connections, Contacts, Event, Events, SignUp, SignedUp, Wiring,
};

impl<W: Wiring> Drain<W> {
    /// After an answer that may blame a list: finds out which lists are gone, and leaves them out.
    ///
    /// # Errors
    /// What becomes of the lead if no list is left for it, or if all are there and something else is meant.
    pub(super) async fn leave_out_lists(
        &self,
        turn: &Turn<'_>,
        content: &mut SignUp,
        error: &CrmError,
        newest: &LeadRecord,
    ) -> Result<(), Outcome> {
        let mut gone = Vec::new();
        for list in &content.lists {
            let accounts = &self.crm;
            let look = async |token| accounts.has_list(&token, list).await;
            match self.ask(turn, None, look).await.map_err(Stopped::looking) {
                Ok(true) => {}
                Ok(false) => gone.push(list.clone()),
                Err(Stopped::By(error)) => return Err(self.outcome_of(&error, newest)),
                Err(Stopped::Until(outcome)) => return Err(outcome),
            }
        }
        if gone.is_empty() {
            tracing::error!(lead.id = %newest.lead.id, "a delivery was refused for a list, and all its lists are there");
            return Err(self.outcome_of(error, newest));
        }
        for list in &gone {
            self.tell_gone(turn, list).await;
        }
        content.lists = left(&turn.ready.connection, &content.lists, &gone)
            .map_err(|why| Outcome::waits(why, None))?;
        Ok(())
    }

    /// Writes down that a list is gone, and tells of it once.
    async fn tell_gone(&self, turn: &Turn<'_>, list: &RemoteId) {
        let customer = &turn.ready.customer.id;
        match self.directory.list_gone(customer, list).await {
            Ok(true) => {
                tracing::warn!(customer.id = %customer, list.id = %list, "a list is gone");
                let event = Event::ListGone {
                    customer_id: customer.clone(),
                    list_id: list.clone(),
                    status: "list_missing",
                    at: self.keeper.clock.now(),
                };
                let published = self.keeper.events.publish(&[event]).await;
                self.warn_on_fail("publishing that a list is gone", customer, published);
            }
            Ok(false) => {}
            Err(error) => self.warn_on_fail("noting that a list is gone", customer, Err(error)),
        }
    }

    /// The permission a contact has after its sign-up. An account may ask for a confirmation by mail, which only a
    /// look at a contact just made shows; one is looked at in a week, or in a day where imports depend on it.
    pub(super) async fn permission(
        &self,
        turn: &Turn<'_>,
        signed_up: &SignedUp,
        email: &EmailAddress,
    ) -> Permission {
        let ready = turn.ready;
        let known = ready.connection.learned.confirmed_opt_in;
        let imports = ready.customer.bulk_import == BulkImport::WhenOverBudget;
        let now = self.keeper.clock.now();
        let current = known.is_some_and(|seen| seen.is_current(imports, now));
        let shows = signed_up.action == DeliveryAction::Created;
        let seen = if shows && !current && !ready.looked.swap(true, Ordering::Relaxed) {
            self.look_at_new(turn, email).await
        } else {
            None
        };
        match seen.or(known) {
            Some(ConfirmedOptIn { on: true, .. }) => Permission::PendingConfirmation,
            _ => Permission::Explicit,
        }
    }

    /// How the account made a contact. That it cannot be seen now costs the lead nothing.
    async fn look_at_new(&self, turn: &Turn<'_>, email: &EmailAddress) -> Option<ConfirmedOptIn> {
        let crm = &self.crm;
        let look = async |token| crm.find(&token, email).await;
        let found = self.ask(turn, None, look).await.ok()??;
        let seen = ConfirmedOptIn {
            on: found.permission == Some(Permission::PendingConfirmation),
            seen_at: self.keeper.clock.now(),
        };
        let customer = &turn.ready.customer.id;
        let noted = self.directory.opt_in_seen(customer, seen).await;
        self.warn_on_fail("noting how contacts are made", customer, noted);
        Some(seen)
    }
}

/// The lists of a call without those that are gone, or the connection's in their place.
fn left(
    connection: &Connection,
    wanted: &[RemoteId],
    gone: &[RemoteId],
) -> Result<Vec<RemoteId>, WaitReason> {
    let known = connection.learned.lists_gone.iter().chain(gone);
    let connection = Connection {
        learned: Learned {
            lists_gone: known.cloned().collect(),
            ..Learned::default()
        },
        ..connection.clone()
    };
    connection.lists_for(wanted)
}
