//! The call that delivers a lead.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use jiff::Timestamp;

use super::Drain;
use super::ask::CallError;
use super::opt_outs::{CheckKind, ListedOptOuts};
use super::outcome::Outcome;
use super::recheck::CheckedLeads;
use super::same_address::SameAddress;
use super::sign_up::Content;
use super::turns::Turn;
use crate::domain::crm::{Blame, CrmError, OptionalField};
use crate::domain::lead::{LeadState, WaitReason};
use crate::ports::{Clock as _, Contacts, CreateOutcome, SignUp, SignedUp, Wiring};

/// Leads of one address about to be delivered.
pub(super) struct Delivery<'a> {
    pub(super) turn: &'a Turn<'a>,
    pub(super) leads: &'a SameAddress,
    pub(super) check: CheckKind,
    pub(super) opt_outs: &'a ListedOptOuts,
    /// The moment given to the first call, until one takes it. Later ones find their own.
    pub(super) moment: Option<Timestamp>,
}

impl<W: Wiring> Drain<W> {
    /// Delivers leads and returns the outcome. A panic affects only these leads: nobody knows whether their call
    /// arrived, and the others go on.
    pub(super) async fn deliver(&self, delivery: Delivery<'_>) -> Outcome {
        let leads = delivery.leads;
        let call = self.call(delivery);
        match AssertUnwindSafe(call).catch_unwind().await {
            Ok(Ok(delivered)) => Outcome::settled(delivered),
            Ok(Err(outcome)) => outcome,
            Err(_) => {
                let lead = &leads.newest().lead.id;
                tracing::error!(lead.id = %lead, "a delivery broke off");
                Outcome::waits(WaitReason::AnswerLost, None)
            }
        }
    }

    /// Makes the call and returns the state of the leads that it delivered.
    ///
    /// # Errors
    /// The outcome, if there was no call or it delivered nothing.
    async fn call(&self, mut delivery: Delivery<'_>) -> Result<LeadState, Outcome> {
        let Delivery { turn, leads, .. } = delivery;
        let newest = leads.newest();
        let delivered_since = self.newer(leads).await?;
        self.learn_fields(&mut delivery).await;
        let content = Content::new(turn.ready, leads, &delivered_since);
        let mut content = content.map_err(|why| Outcome::waits(why, None))?;
        let opt_out_check = self.check(&mut delivery, &content).await?;
        let mut checked_leads = CheckedLeads::claimed(leads, turn);
        let signed_up = loop {
            let (moment, sign_up) = (delivery.moment.take(), &content.sign_up);
            let made = self.make_or_update(turn, &mut checked_leads, moment, sign_up);
            let error = match made.await {
                Ok(signed_up) => break signed_up,
                Err(error) => error.failed()?,
            };
            let left_out = self.leave_out(&mut delivery, &mut content, &error);
            if !left_out.await? {
                let outcome = self.outcome_of(&error, newest);
                let outcome = self.give_up_if_hopeless(leads, &error, outcome).await;
                return Err(self.retry_later_if_held_back(leads, outcome).await);
            }
        };
        if signed_up.contact.is_none() {
            tracing::warn!(lead.id = %newest.lead.id, "the answer to a delivery names no contact");
        }
        content.note_left_out(&signed_up.left_out);
        let permission = self.permission(turn, &signed_up, &content.sign_up).await;
        Ok(LeadState::Delivered {
            contact: signed_up.contact,
            action: signed_up.action,
            permission,
            opt_out_check,
            notes: content.notes,
        })
    }

    /// Has the account make or update the contact: by a sign-up, or, if that does not accept the address, by making a
    /// contact and adding to an existing one.
    async fn make_or_update(
        &self,
        turn: &Turn<'_>,
        checked_leads: &mut CheckedLeads<'_>,
        moment: Option<Timestamp>,
        sign_up: &SignUp,
    ) -> Result<SignedUp, CallError> {
        let crm = &self.crm;
        if sign_up.contact.email.fits_sign_up() {
            let send = async |token| crm.sign_up(&token, sign_up).await;
            return self
                .ask_for(turn, Some(checked_leads), moment, 1, send)
                .await;
        }
        let permission = turn.ready.permission_of_new();
        let make = async |token| crm.make(&token, sign_up, permission).await;
        let made = self.ask_for(turn, Some(checked_leads), moment, 1, make);
        let known = match made.await? {
            CreateOutcome::New(contact) => return Ok(contact),
            CreateOutcome::Known(contact) => contact,
        };
        let add = async |token| crm.replace(&token, &known, sign_up).await;
        self.ask_for(turn, Some(checked_leads), None, 3, add).await
    }

    /// Removes from a call everything that it was refused for; says whether there was anything. If the refusal does not
    /// say, that is a list that is gone, or else whatever the lead can do without.
    async fn leave_out(
        &self,
        delivery: &mut Delivery<'_>,
        content: &mut Content,
        error: &CrmError,
    ) -> Result<bool, Outcome> {
        let blames = error.blames(&content.sign_up.contact.email);
        let fields = OptionalField::ALL.into_iter();
        let fields = fields.filter(|field| blames.contains(&Blame::Optional(*field)));
        let fields: Vec<_> = fields.collect();
        let (connection, now) = (delivery.turn.connection(), self.keeper.clock.now());
        if fields.contains(&OptionalField::CustomFields) && connection.custom_fields_are_stale(now)
        {
            self.read_fields(delivery).await; // one may have been made again since, for later leads
        }
        let unclear = blames.contains(&Blame::Unclear) && !blames.contains(&Blame::Email);
        let fewer_lists = (unclear || blames.contains(&Blame::List))
            && self.leave_out_lists(delivery, &mut content.sign_up).await?;
        let changed = content.leave_out_blamed(&fields, error) || fewer_lists;
        Ok(changed || (unclear && content.leave_out(&OptionalField::ALL)))
    }
}
