use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::Lead;

/// How a lead leaves because a person requests it: in a file, or for good. Every method is one atomic step on one lead.
pub trait Exits: Send + Sync {
    /// Marks a lead whose state allows it ([`can_export`](crate::domain::lead::actions::can_export)) as gone out in a
    /// file at `at`, once, and takes it out of what is due: it is neither claimed nor requeued any more. Says whether
    /// it did, and says the same again for the same `at`. The row is kept until `expires_at`.
    fn export(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Replaces a lead with `blank`, whoever holds it, and erases its timeline; it can no longer be found by its
    /// person. Says whether there was anything to erase.
    fn erase(
        &self,
        blank: &Lead,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
