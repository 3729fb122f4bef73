//! Accepting a lead: what was answered with success is kept, whichever of queue and ledger fails.

use jiff::{SignedDuration, Timestamp};
use ulid::Ulid;

use crate::domain::consent::Origin;
use crate::domain::form::Form;
use crate::domain::ids::{FormId, LeadId};
use crate::domain::keys::{Purpose, SigningKeys};
use crate::domain::lead::{Lead, LeadState, ParsedLead, Rejection};
use crate::domain::submission::Submission;
use crate::domain::task::Task;
use crate::ports::{Clock, Forms, Ledger, Queue, Recorded, Wiring};

/// Two equal submissions of a form are one lead when they fall into one slot of this length, or when the second
/// comes in the slot after the first was recorded: what a double click or an impatient reload does.
const SLOT: SignedDuration = SignedDuration::from_secs(10);

/// When the scheduler looks after a lead that the queue has: long after a drain should have.
const QUEUED_CHECK: SignedDuration = SignedDuration::from_hours(6);

/// When the scheduler looks after a lead that the queue did not take.
const RECEIVED_CHECK: SignedDuration = SignedDuration::from_secs(60);

/// Accepts leads.
pub struct Intake<W: Wiring> {
    /// Where forms are found.
    pub forms: W::Directory,
    /// Where leads are recorded.
    pub ledger: W::Ledger,
    /// Where they are handed on.
    pub queue: W::Queue,
    /// The time.
    pub clock: W::Clock,
    /// What consents are sealed with.
    pub keys: SigningKeys,
}

/// A lead that is durably kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its id: the same for a submission that came twice.
    pub lead: LeadId,
    /// Its state's word.
    pub status: &'static str,
}

/// Why a submission was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// No such form.
    #[error("no such form")]
    UnknownForm,
    /// The form takes no more leads.
    #[error("the form is closed")]
    ClosedForm,
    /// The submission is no lead.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It could not be kept: nothing of it remains, and it may be sent again.
    #[error("the lead could not be kept")]
    Unavailable,
}

impl<W: Wiring> Intake<W> {
    /// The form of this id, if it takes leads.
    ///
    /// # Errors
    /// [`IntakeError::UnknownForm`], [`IntakeError::ClosedForm`], [`IntakeError::Unavailable`].
    pub async fn open_form(&self, id: &str) -> Result<Form, IntakeError> {
        let id: FormId = id.parse().map_err(|_| IntakeError::UnknownForm)?;
        match self.forms.form(&id).await {
            Ok(Some(form)) if form.open => Ok(form),
            Ok(Some(_)) => Err(IntakeError::ClosedForm),
            Ok(None) => Err(IntakeError::UnknownForm),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a form could not be read"
                );
                Err(IntakeError::Unavailable)
            }
        }
    }

    /// Accepts a submission. Success means that the lead is in the queue, in the ledger, or in both.
    ///
    /// # Errors
    /// [`IntakeError::Rejected`] with the fields at fault; [`IntakeError::Unavailable`] when neither queue nor
    /// ledger took the lead.
    pub async fn accept(
        &self,
        form: &Form,
        fields: Submission,
        origin: &Origin,
    ) -> Result<Accepted, IntakeError> {
        let now = self.clock.now();
        let content = self.keys.sign(Purpose::LeadId, &canonical(form, &fields));
        let parsed = ParsedLead::parse(form, fields, origin, now)?;

        let earlier = lead_id(&content, now - SLOT);
        if let Ok(Some(record)) = self.ledger.lead(&form.customer, &earlier).await {
            return Ok(Accepted {
                lead: earlier,
                status: record.state.word(),
            });
        }
        self.keep(self.seal(form, lead_id(&content, now), parsed, now))
            .await
    }

    fn seal(&self, form: &Form, id: LeadId, parsed: ParsedLead, now: Timestamp) -> Lead {
        let ParsedLead {
            contact,
            consent,
            notes,
        } = parsed;
        let sealed = Lead::sealed_text(&form.customer, &form.id, &id, &contact, &consent);
        let seal = self.keys.seal(&sealed);
        Lead {
            id,
            customer: form.customer.clone(),
            form: form.id.clone(),
            contact,
            consent,
            received_at: now,
            seal,
            notes,
        }
    }

    /// Queue first: a message alone is enough for the drain to record the lead, so the ledger can say `queued` in
    /// the same write that makes the row.
    async fn keep(&self, lead: Lead) -> Result<Accepted, IntakeError> {
        let task = Task::Accepted {
            lead: Box::new(lead),
        };
        let sent = self.queue.send(std::slice::from_ref(&task)).await;
        let Task::Accepted { lead } = task else {
            unreachable!("made above")
        };
        if let Err(error) = &sent {
            tracing::error!(lead.id = %lead.id, error = error as &dyn std::error::Error, "the queue did not take a lead");
        }
        let (state, check) = match sent {
            Ok(()) => (LeadState::Queued, QUEUED_CHECK),
            Err(_) => (LeadState::Received, RECEIVED_CHECK),
        };
        match self
            .ledger
            .record(&lead, &state, lead.received_at + check)
            .await
        {
            Ok(Recorded::New) => Ok(Accepted {
                lead: lead.id,
                status: state.word(),
            }),
            Ok(Recorded::Already(record)) => Ok(Accepted {
                lead: lead.id,
                status: record.state.word(),
            }),
            Err(error) => {
                tracing::error!(lead.id = %lead.id, error = &error as &dyn std::error::Error, "a lead was not recorded");
                match state {
                    LeadState::Queued => Ok(Accepted {
                        lead: lead.id,
                        status: state.word(),
                    }),
                    _ => Err(IntakeError::Unavailable),
                }
            }
        }
    }
}

/// The text by which two submissions are equal: the form and every field, whatever their order.
fn canonical(form: &Form, fields: &Submission) -> Vec<u8> {
    let mut pairs: Vec<_> = fields.iter().collect();
    pairs.sort_unstable();
    serde_json::to_vec(&(&form.id, pairs)).expect("texts are plain data")
}

/// The id of a submission with this content in the slot of `at`.
fn lead_id(content: &[u8; 32], at: Timestamp) -> LeadId {
    let slot = i64::try_from(SLOT.as_millis()).expect("a slot is seconds long");
    let start = at.as_millisecond().div_euclid(slot) * slot;
    let random = content[..10]
        .iter()
        .fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
    LeadId::new(Ulid::from_parts(
        u64::try_from(start).unwrap_or_default(),
        random,
    ))
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
