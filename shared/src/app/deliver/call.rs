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
use super::sign_up::{Content, content};
use super::turns::Turn;
use crate::domain::crm::{Blame, CrmError, OptionalField};
use crate::domain::lead::{LeadState, WaitReason};
use crate::ports::{Clock as _, Contacts, CreateOutcome, SignUp, SignedUp, Wiring};

impl<W: Wiring> Drain<W> {
    /// Delivers the leads of one address from the given moment on, and returns the outcome. A panic affects only these
    /// leads: nobody knows whether their call arrived, and the others go on.
    pub(super) async fn deliver(
        &self,
        turn: &Turn<'_>,
        leads: &SameAddress,
        check: CheckKind,
        moment: Option<Timestamp>,
        gone: &ListedOptOuts,
    ) -> Outcome {
        let call = self.call(turn, leads, check, moment, gone);
        match AssertUnwindSafe(call).catch_unwind().await {
            Ok(delivered) => delivered.unwrap_or_else(|outcome| outcome),
            Err(_) => {
                let lead = Some(&leads.newest().lead.id);
                tracing::error!(lead.id = ?lead, "a delivery broke off");
                Outcome::waits(WaitReason::AnswerLost, None)
            }
        }
    }

    async fn call(
        &self,
        turn: &Turn<'_>,
        leads: &SameAddress,
        check: CheckKind,
        mut moment: Option<Timestamp>,
        gone: &ListedOptOuts,
    ) -> Result<Outcome, Outcome> {
        let newest = leads.newest();
        let delivered_since = self.newer(leads).await?;
        self.learn_fields(turn, leads, &mut moment).await;
        let content = content(turn.ready, leads, &delivered_since);
        let mut content = content.map_err(|why| Outcome::waits(why, None))?;
        let opt_out_check = self
            .check(turn, leads, check, &mut moment, gone, &content)
            .await?;
        let mut checked_leads = CheckedLeads::claimed(leads, turn);
        loop {
            let made =
                self.make_or_update(turn, &mut checked_leads, moment.take(), &content.sign_up);
            let error = match made.await {
                Ok(signed_up) => {
                    if signed_up.contact.is_none() {
                        tracing::warn!(lead.id = %newest.lead.id, "the answer to a delivery names no contact");
                    }
                    content.note_left_out(&signed_up.left_out);
                    let permission = self.permission(turn, &signed_up, &content.sign_up).await;
                    return Ok(Outcome::settled(LeadState::Delivered {
                        contact: signed_up.contact,
                        action: signed_up.action,
                        permission,
                        opt_out_check,
                        notes: content.notes,
                    }));
                }
                Err(CallError::Deferred(outcome)) => return Err(outcome),
                Err(CallError::Failed(error)) => error,
            };
            if !self.leave_out(turn, leads, &mut content, &error).await? {
                let outcome = self.outcome_of(&error, newest);
                let outcome = self.give_up_if_hopeless(leads, &error, outcome).await;
                return Err(self.retry_later_if_held_back(leads, outcome).await);
            }
        }
    }

    /// Has the account make or update the contact: by a sign-up, or, if that does not accept the address, by making a
    /// contact and adding to an existing one.
    async fn make_or_update(
        &self,
        turn: &Turn<'_>,
        checked_leads: &mut CheckedLeads<'_>,
        moment: Option<Timestamp>,
        content: &SignUp,
    ) -> Result<SignedUp, CallError> {
        let crm = &self.crm;
        if content.contact.email.fits_sign_up() {
            let sign_up = async |token| crm.sign_up(&token, content).await;
            return self
                .ask_for(turn, Some(checked_leads), moment, 1, sign_up)
                .await;
        }
        let permission = turn.ready.permission_of_new();
        let make = async |token| crm.make(&token, content, permission).await;
        let made = self.ask_for(turn, Some(checked_leads), moment, 1, make);
        let known = match made.await? {
            CreateOutcome::New(contact) => return Ok(contact),
            CreateOutcome::Known(contact) => contact,
        };
        let add = async |token| crm.replace(&token, &known, content).await;
        self.ask_for(turn, Some(checked_leads), None, 2, add).await
    }

    /// Removes from a call everything that it was refused for; says whether there was anything. If the refusal does not
    /// say, that is a list that is gone, or else whatever the lead can do without.
    async fn leave_out(
        &self,
        turn: &Turn<'_>,
        leads: &SameAddress,
        content: &mut Content,
        error: &CrmError,
    ) -> Result<bool, Outcome> {
        let blames = error.blames(&content.sign_up.contact.email);
        let fields = OptionalField::ALL.into_iter();
        let fields = fields.filter(|field| blames.contains(&Blame::Optional(*field)));
        let fields: Vec<_> = fields.collect();
        let (connection, now) = (&turn.ready.connection, self.keeper.clock.now());
        if fields.contains(&OptionalField::CustomFields) && connection.custom_fields_are_stale(now)
        {
            self.read_fields(turn, &mut None).await; // one may have been made again since, for later leads
        }
        let unclear = blames.contains(&Blame::Unclear) && !blames.contains(&Blame::Address);
        let fewer_lists = (unclear || blames.contains(&Blame::List))
            && self
                .leave_out_lists(turn, leads, &mut content.sign_up)
                .await?;
        let changed = content.leave_out_blamed(&fields, error) || fewer_lists;
        Ok(changed || (unclear && content.leave_out(&OptionalField::ALL)))
    }
}
