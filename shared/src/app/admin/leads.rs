use super::values::{moment, one_of};
use super::{Admin, AdminError, Properties};
use crate::app::intake::RECEIVED_CHECK;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{LeadRecord, LeadState};
use crate::domain::task::Task;
use crate::ports::{Clock as _, LeadFilter, Ledger as _, Page, Queue as _, Wiring};

impl<W: Wiring> Admin<W> {
    /// A page of a customer's leads, newest first; also where the customer was removed.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`].
    pub async fn leads(
        &self,
        customer: &CustomerId,
        mut query: Properties,
    ) -> Result<Page<LeadRecord>, AdminError> {
        self.had(customer).await?;
        let listing = format!("leads:{customer}");
        let (from, limit) = self.place(&listing, &mut query);
        let status = query.optional("status", |value| {
            one_of(&LeadState::WORDS)(value).map(str::to_owned)
        });
        let since = query.optional("since", moment);
        let filter = query.finish(Some(LeadFilter { status, since }))?;
        let page = self
            .ledger
            .leads(customer, &filter, from.as_deref(), limit)
            .await?;
        Ok(self.sign(&listing, page))
    }

    /// One lead of whichever customer.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn lead(&self, id: &LeadId) -> Result<LeadRecord, AdminError> {
        let missing = AdminError::NotFound("lead");
        let Some(customer) = self.ledger.owner_of(id).await? else {
            return Err(missing);
        };
        self.ledger.lead(&customer, id).await?.ok_or(missing)
    }

    /// Sends a quarantined lead on. It is written before it is sent, as a drain leaves a quarantined lead alone; where
    /// the queue does not take it, the scheduler sends it in a minute.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::NotQuarantined`].
    pub async fn release_lead(&self, id: &LeadId) -> Result<LeadRecord, AdminError> {
        let record = self.lead(id).await?;
        let customer = &record.lead.customer;
        let now = self.clock.now();
        let due_at = now + RECEIVED_CHECK;
        if !self.ledger.release(customer, id, now, due_at).await? {
            return Err(AdminError::NotQuarantined);
        }
        let task = Task::Released {
            customer: customer.clone(),
            lead: id.clone(),
        };
        if let Err(error) = self.queue.send(&[task]).await {
            tracing::warn!(lead.id = %id, error = &error as &dyn std::error::Error, "a released lead was not sent");
        }
        self.lead(id).await
    }
}
