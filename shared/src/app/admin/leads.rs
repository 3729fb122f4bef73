use super::values::{moment, one_of};
use super::{Admin, AdminError, Properties};
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{LeadRecord, LeadState};
use crate::ports::{LeadFilter, Ledger as _, Page, Wiring};

impl<W: Wiring> Admin<W> {
    /// A page of a customer's leads, newest first.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`].
    pub async fn leads(
        &self,
        customer: &CustomerId,
        mut query: Properties,
    ) -> Result<Page<LeadRecord>, AdminError> {
        self.customer(customer).await?;
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
}
