use std::collections::BTreeSet;
use std::future::Future;

use jiff::Timestamp;

use super::{Page, StoreError};
use crate::domain::ids::CustomerId;
use crate::domain::suppression::{PersonId, Suppression};

/// People whom a customer never wants mailed.
pub trait Suppressions: Send + Sync {
    /// Puts a person on the list. An entry that exists stays as it is.
    fn suppress(
        &self,
        customer: &CustomerId,
        person: &PersonId,
        now: Timestamp,
    ) -> impl Future<Output = Result<Suppression, StoreError>> + Send;

    /// Takes a person off the list. Says whether they were on it.
    fn unsuppress(
        &self,
        customer: &CustomerId,
        person: &PersonId,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Which of these people are on the list.
    fn suppressed(
        &self,
        customer: &CustomerId,
        people: &BTreeSet<PersonId>,
    ) -> impl Future<Output = Result<BTreeSet<PersonId>, StoreError>> + Send;

    /// The list, `limit` at a time. Somebody just put on it may be missing for a moment.
    fn suppressions(
        &self,
        customer: &CustomerId,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Page<Suppression>, StoreError>> + Send;
}
