use std::future::Future;

use super::StoreError;
use crate::domain::email::EmailAddress;
use crate::domain::ids::FormId;

/// The public form endpoint, called from outside as visitors do.
pub trait FormEndpoint: Send + Sync {
    /// Posts a lead with this address and consent, under a key: one lead however often it is posted.
    fn post(
        &self,
        form: &FormId,
        email: &EmailAddress,
        key: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
