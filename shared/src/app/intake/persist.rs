//! Persisting a lead: in the queue first, then in the ledger. One that is set aside is only in the ledger.

use jiff::Timestamp;

use super::duplicates::accepted_before;
use super::identity::under_new_id;
use super::{Accepted, Intake, IntakeError, RECEIVED_CHECK};
use crate::app::requeue::CHECK_AFTER;
use crate::domain::lead::{Lead, LeadRecord, LeadState, QuarantineReason};
use crate::domain::task::Task;
use crate::ports::{Claims as _, Ledger as _, Queue as _, Recorded, Requeue, Wiring, causes};

/// The result of persisting a lead.
enum Written {
    /// It is kept, by this submission or an equal one.
    Kept(Accepted),
    /// Its id belongs to an equal one whose person was erased before this one came.
    UsedUp(Box<Lead>),
}

impl<W: Wiring> Intake<W> {
    /// Persists a lead: on its way, or set aside for a person to look at.
    pub(super) async fn persist(
        &self,
        mut lead: Lead,
        quarantine: Option<QuarantineReason>,
    ) -> Result<Accepted, IntakeError> {
        loop {
            let written = match quarantine {
                Some(why) => self.quarantine(lead, why).await?,
                None => self.send(lead).await?,
            };
            match written {
                Written::Kept(accepted) => return Ok(accepted),
                Written::UsedUp(late) => lead = under_new_id(*late, &self.keys),
            }
        }
    }

    /// The queue would deliver it, so it goes only to the ledger.
    async fn quarantine(&self, lead: Lead, why: QuarantineReason) -> Result<Written, IntakeError> {
        let state = LeadState::Quarantined { why };
        let until = self.quarantined_until(&lead).await;
        match self.ledger.quarantine(&lead, why, until).await {
            Ok(Recorded::New) => Ok(Written::Kept(Accepted {
                lead: lead.id,
                status: public_status(&state),
                is_duplicate: false,
            })),
            Ok(Recorded::Already(record)) if record.was_erased_before(lead.received_at) => {
                Ok(Written::UsedUp(Box::new(lead)))
            }
            Ok(Recorded::Already(record)) => Ok(Written::Kept(accepted_before(&record))),
            Err(error) => {
                tracing::error!(lead.id = %lead.id, error = %causes(&error), "a lead was not set aside");
                Err(IntakeError::Unavailable)
            }
        }
    }

    /// Queue first: a message alone is enough for the drain to record the lead, so the ledger can say `queued` in
    /// the same write that makes the row.
    async fn send(&self, lead: Lead) -> Result<Written, IntakeError> {
        let task = Task::Accepted {
            lead: Box::new(lead.clone()),
        };
        let sent = self.queue.send(&[task]).await;
        if let Err(error) = &sent {
            tracing::error!(lead.id = %lead.id, error = %causes(error), "the queue did not take a lead");
        }
        let (state, check) = match sent {
            Ok(()) => (LeadState::Queued, CHECK_AFTER),
            Err(_) => (LeadState::Received, RECEIVED_CHECK),
        };
        let new = |lead: Lead| {
            Written::Kept(Accepted {
                status: public_status(&state),
                lead: lead.id,
                is_duplicate: false,
            })
        };
        let due_at = lead.received_at + check;
        match self.ledger.record(&lead, &state, due_at).await {
            Ok(Recorded::New) => Ok(new(lead)),
            Ok(Recorded::Already(record)) if record.was_erased_before(lead.received_at) => {
                Ok(Written::UsedUp(Box::new(lead))) // a drain takes its message for the erased one's
            }
            Ok(Recorded::Already(record)) => {
                self.release_quarantined(&record, lead.received_at).await;
                let is_ours = record.lead == lead; // recorded by a faster drain
                Ok(if is_ours {
                    new(lead)
                } else {
                    Written::Kept(accepted_before(&record))
                })
            }
            Err(error) => {
                tracing::error!(lead.id = %lead.id, error = %causes(&error), "a lead was not recorded");
                match state {
                    LeadState::Queued => Ok(new(lead)),
                    _ => Err(IntakeError::Unavailable),
                }
            }
        }
    }

    /// Releases a lead that was set aside although its submission passes: a double click sends a captcha's answer,
    /// valid once, twice, and the second was recorded first. A drain may have dropped its message already, so the
    /// scheduler checks it soon.
    async fn release_quarantined(&self, record: &LeadRecord, at: Timestamp) {
        if !matches!(record.state, LeadState::Quarantined { .. }) {
            return;
        }
        let Lead { customer, id, .. } = &record.lead;
        let due_at = at + RECEIVED_CHECK;
        let requeued = self
            .ledger
            .requeue(customer, id, Requeue::Quarantined, at, due_at);
        if let Err(error) = requeued.await {
            tracing::error!(lead.id = %id, error = %causes(&error), "a lead was not released");
        }
    }
}

/// The answer's word for the state that a lead was first kept in. A robot learns nothing from it.
pub(super) fn public_status(state: &LeadState) -> &'static str {
    match state {
        LeadState::Quarantined { .. } => LeadState::Queued.as_str(),
        state => state.as_str(),
    }
}
