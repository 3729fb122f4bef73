use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::handshake::Handshake;

/// Authorizations under way.
pub trait Handshakes: Send + Sync {
    /// Stores a handshake under the fingerprint of its state.
    fn open(
        &self,
        state: &str,
        handshake: &Handshake,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes a handshake out. Of any number of concurrent calls, exactly one gets it, and none does at or after its
    /// expiry, however late the store cleans up.
    fn take(
        &self,
        state: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Handshake>, StoreError>> + Send;
}
