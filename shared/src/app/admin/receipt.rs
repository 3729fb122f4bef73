use super::{Admin, AdminError};
use crate::domain::ids::LeadId;
use crate::domain::lead::LeadState;
use crate::domain::receipt::Receipt;
use crate::ports::{Customers as _, Wiring};

impl<W: Wiring> Admin<W> {
    /// The receipt for a lead's consent. A consent that was changed after it was sealed proves nothing, and somebody
    /// has to be alerted.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Erased`], [`AdminError::SealBroken`].
    pub async fn receipt(&self, id: &LeadId) -> Result<Receipt, AdminError> {
        let record = self.lead(id).await?;
        let lead = &record.lead;
        if record.state == LeadState::Erased {
            return Err(AdminError::Erased);
        }
        if !lead.is_sealed(&self.keys) {
            tracing::error!(lead.id = %id, "a consent record was changed after it was sealed");
            return Err(AdminError::SealBroken);
        }
        let customer = self.directory.customer(&lead.customer).await?;
        Ok(Receipt::of(lead, customer.as_ref()))
    }
}
