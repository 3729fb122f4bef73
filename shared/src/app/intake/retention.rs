//! How long a lead that is set aside is kept.

use jiff::Timestamp;

use super::Intake;
use crate::domain::customer::{Customer, kept_for};
use crate::domain::lead::Lead;
use crate::ports::{Customers as _, Wiring, causes};

impl<W: Wiring> Intake<W> {
    /// Until when a lead that is set aside is kept, unless it is released: from the moment it came, as long as its
    /// customer's settled leads. If the customer cannot be read, for the default time.
    pub(super) async fn quarantined_until(&self, lead: &Lead) -> Timestamp {
        let customer = self.directory.customer(&lead.customer).await;
        let customer: Option<Customer> = customer.unwrap_or_else(|error| {
            tracing::warn!(
                lead.id = %lead.id, error = %causes(&error),
                "how long a lead set aside is kept could not be read"
            );
            None
        });
        lead.received_at + kept_for(customer.as_ref())
    }
}
