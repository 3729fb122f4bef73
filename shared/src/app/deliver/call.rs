//! The one call, and what can be mended on the spot.

use jiff::{SignedDuration, Timestamp};

use super::outcome::Outcome;
use super::{Delivery, Drain, batch, refused};
use crate::app::token_keeper::{Access, AccessError};
use crate::domain::connection::{Connection, ConnectionStatus, LimitedReason};
use crate::domain::contact::{Contact, Note, NoteKind};
use crate::domain::crm::{CrmError, OptionalField};
use crate::domain::ids::RemoteId;
use crate::domain::lead::{
    LeadRecord, LeadState, Permission, RefusalReason, TimelineEntry, WaitReason,
};
use crate::ports::{Accounts, Budget, Clock, Connections, Contacts, Event, Events, SignUp, Wiring};

/// Times one lead is tried again within one claim.
const RETRIES: u32 = 4;

impl<W: Wiring> Drain<W> {
    /// Delivers the leads of one address at `moment`.
    pub(super) async fn call(&self, delivery: &Delivery<'_>, moment: Timestamp) -> Outcome {
        let Some(newest) = delivery.leads.last() else {
            return refused(RefusalReason::CcRefused);
        };
        if !delivery
            .leads
            .iter()
            .all(|record| self.is_sealed(&record.lead))
        {
            tracing::error!(lead.id = %newest.lead.id, "a consent record was changed after it was sealed");
            return refused(RefusalReason::SealBroken);
        }
        let mut sign_up = match sign_up(delivery) {
            Ok(sign_up) => sign_up,
            Err(why) => return Outcome::waits(why, None),
        };
        let mut moment = moment;
        let mut access = delivery.ready.access.clone();
        if needs_opt_out_check(newest, moment) {
            match self.opted_out(delivery, &access, newest, moment).await {
                Ok(next) => moment = next,
                Err(outcome) => return outcome,
            }
        }
        let mut notes = Vec::new();
        for retry in 0.. {
            self.keeper.clock.sleep_until(moment).await;
            let error = match self.crm.sign_up(&access.token, &sign_up).await {
                Ok(signed_up) => {
                    if signed_up.contact.is_none() {
                        tracing::warn!(lead.id = %newest.lead.id, "the answer to a delivery names no contact");
                    }
                    return Outcome::settled(LeadState::Delivered {
                        contact: signed_up.contact,
                        action: signed_up.action,
                        permission: Permission::Explicit,
                        notes,
                    });
                }
                Err(error) => error,
            };
            let mended = match self
                .mend(delivery, &error, &mut access, &mut sign_up, &mut notes)
                .await
            {
                Ok(mended) => mended && retry < RETRIES,
                Err(outcome) => return outcome,
            };
            if !mended {
                tracing::warn!(lead.id = %newest.lead.id, customer.id = %newest.lead.customer, error = %error, "a lead was not delivered");
                return Outcome::of_error(
                    &error,
                    newest.attempts,
                    self.keeper.clock.now(),
                    self.die(),
                );
            }
            moment = match self.next_moment(delivery).await {
                Ok(moment) => moment,
                Err(outcome) => return outcome,
            };
        }
        unreachable!("the loop returns")
    }

    /// Does what may make the same lead go through now; says whether there was such a thing.
    async fn mend(
        &self,
        delivery: &Delivery<'_>,
        error: &CrmError,
        access: &mut Access,
        sign_up: &mut SignUp,
        notes: &mut Vec<Note>,
    ) -> Result<bool, Outcome> {
        let connection = &delivery.ready.connection;
        let now = self.keeper.clock.now();
        match error {
            CrmError::Unauthorized if access.generation == delivery.ready.access.generation => {
                *access = match self
                    .keeper
                    .access(&connection.customer, Some(access.generation))
                    .await
                {
                    Ok(access) => access,
                    Err(AccessError::Waits(why)) => return Err(Outcome::waits(why, None)),
                    Err(_) => return Ok(false),
                };
                Ok(true)
            }
            CrmError::Forbidden => {
                self.limit(connection, access).await;
                Ok(false)
            }
            CrmError::Invalid(words) => match words.blames_optional() {
                Some(field) if drop_field(sign_up, field) => {
                    notes.push(Note {
                        field: field.name().to_owned(),
                        what: NoteKind::Omitted,
                    });
                    Ok(true)
                }
                _ => Ok(false),
            },
            CrmError::Conflict(_) => {
                let pause = SignedDuration::from_millis(300 + 4 * i64::from(self.die()));
                self.keeper.clock.sleep_until(now + pause).await;
                Ok(true)
            }
            CrmError::Throttled => {
                tracing::warn!(app.id = %connection.app, "the API throttled a call");
                self.warn_on_fail(
                    self.keeper
                        .budget
                        .throttled(&connection.app, delivery.limits, now)
                        .await,
                );
                Ok(true)
            }
            CrmError::QuotaExceeded => {
                tracing::warn!(app.id = %connection.app, "the day's quota is spent");
                self.warn_on_fail(
                    self.keeper
                        .budget
                        .quota_exceeded(&connection.app, delivery.limits, now)
                        .await,
                );
                Ok(false)
            }
            CrmError::Ours(status) => {
                tracing::error!(status, "the API calls a request of ours wrong");
                Ok(false)
            }
            CrmError::Unauthorized
            | CrmError::NotFound(_)
            | CrmError::Unavailable
            | CrmError::AnswerLost => Ok(false),
        }
    }

    /// Holds an older consent against the account's opt-outs. Gives the moment of the delivery after it.
    async fn opted_out(
        &self,
        delivery: &Delivery<'_>,
        access: &Access,
        newest: &LeadRecord,
        moment: Timestamp,
    ) -> Result<Timestamp, Outcome> {
        self.keeper.clock.sleep_until(moment).await;
        match self
            .crm
            .opted_out_at(&access.token, &newest.lead.contact.email)
            .await
        {
            Ok(Some(left)) if left > newest.lead.consent.given_at => {
                Err(refused(RefusalReason::OptedOutAfterConsent))
            }
            Ok(_) => self.next_moment(delivery).await,
            Err(error) => Err(Outcome::of_error(
                &error,
                newest.attempts,
                self.keeper.clock.now(),
                self.die(),
            )),
        }
    }

    async fn next_moment(&self, delivery: &Delivery<'_>) -> Result<Timestamp, Outcome> {
        let app = &delivery.ready.connection.app;
        let moments = self
            .reserve(app, delivery.limits, 1, delivery.deadline)
            .await?;
        moments
            .first()
            .copied()
            .ok_or_else(|| self.crowded_out(&moments))
    }

    /// After a 403: finds out which of its three causes it is and writes it down, so that nobody calls in vain.
    async fn limit(&self, connection: &Connection, access: &Access) {
        let reason = match self.crm.summary(&access.token).await {
            Err(CrmError::Forbidden) => LimitedReason::AppDeactivated,
            Ok(summary)
                if !summary
                    .privileges
                    .iter()
                    .any(|name| name == "contacts:write") =>
            {
                LimitedReason::MissingPrivilege
            }
            Ok(_) => LimitedReason::MissingScope,
            Err(_) => return,
        };
        let status = ConnectionStatus::Limited { reason };
        let (customer, now) = (&connection.customer, self.keeper.clock.now());
        match self
            .directory
            .set_status(customer, access.generation, &status)
            .await
        {
            Ok(true) => {
                tracing::warn!(customer.id = %customer, reason = ?reason, "a connection may not write contacts");
                let event = Event::Connection {
                    customer_id: customer.clone(),
                    status,
                    at: now,
                };
                self.warn_on_fail(self.keeper.events.publish(&event).await);
            }
            Ok(false) => {}
            Err(error) => self.warn_on_fail(Err(error)),
        }
    }
}

/// A fresh consent needs no check: the person has just acted. One that an earlier call may already have carried out
/// does, however fresh: the person may have been subscribed by it and have left again.
fn needs_opt_out_check(newest: &LeadRecord, at: Timestamp) -> bool {
    let may_have_arrived = |entry: &TimelineEntry| match &entry.state {
        LeadState::Waiting { why } => *why == WaitReason::AnswerLost,
        LeadState::Sending { .. } => true,
        _ => false,
    };
    !newest.lead.consent.is_fresh(at)
        || newest.attempts > 1 && newest.timeline.iter().any(may_have_arrived)
}

/// The call's content, or what the leads wait for.
fn sign_up(delivery: &Delivery<'_>) -> Result<SignUp, WaitReason> {
    let ready = delivery.ready;
    let mut lists: Vec<RemoteId> = Vec::new();
    for record in delivery.leads {
        let own = ready
            .forms
            .get(&record.lead.form)
            .map_or(&[][..], |form| &form.lists);
        lists.extend(ready.connection.lists_for(own)?);
    }
    lists.sort_unstable();
    lists.dedup();
    let contact = batch::merged(delivery.leads).ok_or(WaitReason::NoList)?;
    let (contact, _) = contact.for_remote();
    Ok(SignUp {
        custom_fields: known_fields(&contact, &ready.connection),
        contact,
        lists,
    })
}

/// The values whose label is a custom field of the account; others stay in the ledger.
fn known_fields(contact: &Contact, connection: &Connection) -> Vec<(RemoteId, String)> {
    let fields = &connection.catalog.custom_fields;
    let of_label = |label: &str| {
        fields
            .iter()
            .find(|field| field.label.eq_ignore_ascii_case(label))
    };
    contact
        .custom_fields
        .iter()
        .filter_map(|(label, value)| Some((of_label(label)?.id.clone(), value.clone())))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// Leaves a field out; says whether it was there.
fn drop_field(sign_up: &mut SignUp, field: OptionalField) -> bool {
    match field {
        OptionalField::Phone => !std::mem::take(&mut sign_up.contact.phone_number).is_empty(),
        OptionalField::CustomFields => !std::mem::take(&mut sign_up.custom_fields).is_empty(),
        OptionalField::Address => !std::mem::take(&mut sign_up.contact.street_address).is_empty(),
    }
}
