//! How long a lead is kept that was set aside.

use jiff::SignedDuration;

use super::Intake;
use crate::domain::customer::{Customer, DEFAULT_RETENTION_DAYS};
use crate::domain::lead::Lead;
use crate::ports::{Customers as _, Wiring};

impl<W: Wiring> Intake<W> {
    /// Until when a lead that is set aside is kept, in UNIX seconds, unless it is released: from the moment it came, as
    /// long as its customer's settled leads. Where the customer cannot be read, as long as most customers' are.
    pub(super) async fn aside_until(&self, lead: &Lead) -> i64 {
        let customer = self.forms.customer(&lead.customer).await;
        let customer: Option<Customer> = customer.unwrap_or_else(|error| {
            tracing::warn!(
                lead.id = %lead.id, error = &error as &dyn std::error::Error,
                "how long a lead set aside is kept could not be read"
            );
            None
        });
        let days = customer.map_or(DEFAULT_RETENTION_DAYS, |customer| customer.retention_days);
        let kept_for = SignedDuration::from_hours(24 * i64::from(days));
        (lead.received_at + kept_for).as_second()
    }
}
