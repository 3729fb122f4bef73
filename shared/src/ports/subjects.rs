use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::ids::CustomerId;
use crate::domain::token::Subject;

/// Whose connection a user's tokens are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The customer.
    pub customer: CustomerId,
    /// When the user last agreed to that.
    pub since: Timestamp,
}

/// The Constant Contact users who connected customers.
pub trait Subjects: Send + Sync {
    /// Records that a user's tokens are for `customer` as of `now`, unless they are for another: then that one stays
    /// and is returned. `void` is a holder returned before that no longer uses them: it gives way, if it is still
    /// recorded as it was returned. Of any number of concurrent calls for different customers, exactly one succeeds.
    fn take_subject(
        &self,
        subject: &Subject,
        customer: &CustomerId,
        now: Timestamp,
        void: Option<&Holder>,
    ) -> impl Future<Output = Result<Option<Holder>, StoreError>> + Send;
}
