use jiff::SignedDuration;

use super::values::{moment, one_of};
use super::{Admin, AdminError, Properties};
use crate::app::intake::RECEIVED_CHECK;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{LeadRecord, LeadStatus};
use crate::domain::task::Task;
use crate::ports::{
    Claims as _, Clock as _, LeadFilter, Ledger as _, Page, Queue as _, Requeue, StoreError,
    Wiring, causes,
};

/// Leads read at once if only some of them are wanted; the ledger returns what fits into a megabyte.
const PAGE: u16 = 1_000;

/// Bytes of leads, written as JSON, after which a page ends. An answer has 6 MB at most (Lambda's limit), in which
/// their quotes are escaped twice.
const ROOM: usize = 1_000_000;

/// How long they are read: the rest of the function's time is for the last page and for answering.
const READ_FOR: SignedDuration = SignedDuration::from_secs(10);

impl<W: Wiring> Admin<W> {
    /// A page of a customer's leads, newest first; also for a removed customer.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`].
    pub async fn leads(
        &self,
        customer: &CustomerId,
        mut query: Properties,
    ) -> Result<Page<LeadRecord>, AdminError> {
        self.require_ever_existed(customer).await?;
        let listing = format!("leads:{customer}");
        let (from, limit) = self.page_request(&listing, &mut query);
        let statuses = LeadStatus::ALL.map(|status| (status.as_str(), status));
        let status = query.optional("status", one_of(statuses));
        let since = query.optional("since", moment);
        let filter = query.finish(Some(LeadFilter { status, since }))?;
        let page = self.look_for(customer, &filter, from, limit).await?;
        Ok(self.signed_page(&listing, page))
    }

    /// Reads on until there are as many leads as requested, or the time is over: the wanted ones may be few and old.
    async fn look_for(
        &self,
        customer: &CustomerId,
        filter: &LeadFilter,
        mut from: Option<String>,
        limit: u16,
    ) -> Result<Page<LeadRecord>, StoreError> {
        let until = self.clock.now() + READ_FOR;
        let at_once = if filter.status.is_some() { PAGE } else { limit };
        let (mut items, mut written) = (Vec::new(), 0);
        loop {
            let page = self
                .ledger
                .leads(customer, filter, from.as_deref(), at_once)
                .await?;
            from = page.next;
            for record in page.items {
                if items.len() == usize::from(limit) || written >= ROOM {
                    from = items
                        .last()
                        .map(|last: &LeadRecord| last.lead.id.to_string());
                    break;
                }
                written += serde_json::to_string(&record).map_or(ROOM, |text| text.len());
                items.push(record);
            }
            let is_full = items.len() == usize::from(limit) || written >= ROOM;
            if is_full || from.is_none() || self.clock.now() >= until {
                return Ok(Page { items, next: from });
            }
        }
    }

    /// One lead of any customer.
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

    /// Sends a quarantined lead on. It is written before it is sent, since a drain leaves a quarantined lead alone; if
    /// the queue does not accept it, the scheduler sends it in a minute.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::NotQuarantined`].
    pub async fn release_lead(&self, id: &LeadId) -> Result<LeadRecord, AdminError> {
        let record = self.lead(id).await?;
        let customer = &record.lead.customer;
        let now = self.clock.now();
        let due_at = now + RECEIVED_CHECK;
        let requeued = self
            .ledger
            .requeue(customer, id, Requeue::Quarantined, now, due_at);
        if !requeued.await? {
            return Err(AdminError::NotQuarantined);
        }
        let task = Task::released(customer, id);
        if let Err(error) = self.queue.send(&[task]).await {
            tracing::warn!(lead.id = %id, error = %causes(&error), "a released lead was not sent");
        }
        self.lead(id).await
    }
}
