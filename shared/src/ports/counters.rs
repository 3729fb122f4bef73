use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::ids::CustomerId;

/// Sums that several functions add to.
pub trait RateCounters: Send + Sync {
    /// Adds to a customer's counter and returns the sum, in one step. A counter starts at zero and is deleted some time
    /// after `until`.
    fn add(
        &self,
        customer: &CustomerId,
        counter: &str,
        by: u32,
        until: Timestamp,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;
}
