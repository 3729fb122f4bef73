//! The one call that counts.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::ask::Stopped;
use super::opt_outs::{Check, Gone};
use super::outcome::Outcome;
use super::sign_up::{drop_field, sign_up};
use super::turns::{Leads, Turn};
use super::{Drain, refused};
use crate::domain::contact::{Note, NoteKind};
use crate::domain::crm::CrmError;
use crate::domain::lead::{LeadState, RefusalReason};
use crate::ports::{Contacts, SignUp, Wiring};

impl<W: Wiring> Drain<W> {
    /// Delivers the leads of one address at the moments given, and says how that ended.
    pub(super) async fn deliver(
        &self,
        turn: &Turn<'_>,
        leads: Leads<'_>,
        check: Check,
        moments: VecDeque<Timestamp>,
        gone: &Gone,
    ) -> Outcome {
        let delivered = self.call(turn, leads, check, moments, gone).await;
        delivered.unwrap_or_else(|outcome| outcome)
    }

    async fn call(
        &self,
        turn: &Turn<'_>,
        leads: Leads<'_>,
        check: Check,
        mut moments: VecDeque<Timestamp>,
        gone: &Gone,
    ) -> Result<Outcome, Outcome> {
        let newest = leads.last();
        let newest = newest.ok_or_else(|| refused(RefusalReason::CcRefused))?;
        let mut content = sign_up(turn.ready, leads).map_err(|why| Outcome::waits(why, None))?;
        let opt_out_check = self
            .check(turn, leads, check, &mut moments, gone, &content)
            .await?;
        let (mut notes, email) = (Vec::new(), &newest.lead.contact.email);
        loop {
            let moment = self.take_moment(turn, &mut moments).await?;
            let (crm, sent) = (&self.crm, &content);
            let call = async |token| crm.sign_up(&token, sent).await;
            let error = match self.ask(turn, moment, call).await {
                Ok(signed_up) => {
                    if signed_up.contact.is_none() {
                        tracing::warn!(lead.id = %newest.lead.id, "the answer to a delivery names no contact");
                    }
                    let permission = self.permission(turn, &signed_up, email).await;
                    return Ok(Outcome::settled(LeadState::Delivered {
                        contact: signed_up.contact,
                        action: signed_up.action,
                        permission,
                        opt_out_check,
                        notes,
                    }));
                }
                Err(Stopped::Until(outcome)) => return Err(outcome),
                Err(Stopped::By(error)) => error,
            };
            if error.may_blame_list() {
                self.leave_out_lists(turn, &mut content, &error, newest)
                    .await?;
            } else if !leave_out(&mut content, &error, &mut notes) {
                return Err(self.outcome_of(&error, newest));
            }
        }
    }
}

/// Leaves out the optional field that an error blames, and notes it; says whether there was one.
fn leave_out(content: &mut SignUp, error: &CrmError, notes: &mut Vec<Note>) -> bool {
    let CrmError::Invalid(words) = error else {
        return false;
    };
    let Some(field) = words.blames_optional() else {
        return false;
    };
    let there = drop_field(content, field);
    if there {
        notes.push(Note {
            field: field.name().to_owned(),
            what: NoteKind::Omitted,
        });
    }
    there
}
