use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::ids::CustomerId;
use crate::domain::token::Subject;

/// For whose connection a user's tokens are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The customer.
    pub customer: CustomerId,
    /// When the user last agreed to it.
    pub since: Timestamp,
}

/// Users of Constant Contact by whom customers are connected.
pub trait Subjects: Send + Sync {
    /// Writes down that a user's tokens are for `customer` as of `now`, unless they are for another, who is told then and
    /// stays. `void` is another that was told before and has no use for them any more: it gives way, if it still stands
    /// there as it was told. Of any number of concurrent calls for different customers, exactly one does it.
    fn take_subject(
        &self,
        subject: &Subject,
        customer: &CustomerId,
        now: Timestamp,
        void: Option<&Holder>,
    ) -> impl Future<Output = Result<Option<Holder>, StoreError>> + Send;
}
