//! How long a lead that is set aside is kept.

use jiff::Timestamp;

use super::Intake;
use crate::domain::customer::{Customer, kept_for, quarantined_for};
use crate::domain::lead::Lead;
use crate::ports::{Customers as _, Wiring, causes};

impl<W: Wiring> Intake<W> {
    /// Until when a lead that is set aside is kept, counted from the moment it came. If the customer cannot be read, it
    /// is kept as for one with the default retention.
    pub(super) async fn quarantined_until(&self, lead: &Lead) -> Timestamp {
        let customer = self.directory.customer(&lead.customer).await;
        let customer: Option<Customer> = customer.unwrap_or_else(|error| {
            tracing::warn!(
                lead.id = %lead.id, error = %causes(&error),
                "how long a lead set aside is kept could not be read"
            );
            None
        });
        lead.received_at + quarantined_for(kept_for(customer.as_ref()))
    }
}
