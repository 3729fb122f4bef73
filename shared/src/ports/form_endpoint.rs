use std::future::Future;

use super::StoreError;
use crate::domain::email::EmailAddress;
use crate::domain::ids::FormId;

/// The public door that visitors come to, from outside.
pub trait FormEndpoint: Send + Sync {
    /// Posts the lead of this address, who agreed, under a key: one lead however often it is posted.
    fn post(
        &self,
        form: &FormId,
        email: &EmailAddress,
        key: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
