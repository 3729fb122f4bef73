use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::ids::CustomerId;
use crate::domain::suppression::PersonId;

/// When people were erased, for leads of theirs that nobody could find then.
pub trait Erasures: Send + Sync {
    /// Notes that a customer erases everything that has come from a person until `at`. The note lasts until
    /// `expires_at`, and replaces an earlier one.
    fn note_erasure(
        &self,
        customer: &CustomerId,
        person: &PersonId,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// When a person was last erased, if that is noted.
    fn erased_at(
        &self,
        customer: &CustomerId,
        person: &PersonId,
    ) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;
}
