use std::future::Future;

use super::{Page, StoreError};
use crate::domain::customer::Customer;
use crate::domain::ids::CustomerId;

/// The operator's customers.
pub trait Customers: Send + Sync {
    /// One customer.
    fn customer(
        &self,
        id: &CustomerId,
    ) -> impl Future<Output = Result<Option<Customer>, StoreError>> + Send;

    /// Makes or replaces a customer, unless one with this id was removed: an id is never given again. Says whether it
    /// did.
    fn put_customer(
        &self,
        customer: &Customer,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes a customer for good, and keeps its id from being given again: whatever is left under the id stays nobody
    /// else's. The caller has to remove its connection and forms and see to its leads first.
    fn delete_customer(
        &self,
        id: &CustomerId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether the id was ever given to a customer, even one that has been removed.
    fn ever_existed(
        &self,
        id: &CustomerId,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Customers in the order of their ids, `limit` at a time. One just made may be missing for a moment.
    fn customers(
        &self,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Page<Customer>, StoreError>> + Send;
}
