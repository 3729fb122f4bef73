use std::future::Future;

use jiff::Timestamp;

use super::StoreError;

/// Work that must be done by only one at a time.
pub trait Locks: Send + Sync {
    /// Takes the lock on a piece of work until `until`, unless it is another owner's at `now`. Of any number of
    /// concurrent owners, exactly one is told that it has it, however often it asks.
    fn lock(
        &self,
        work: &str,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Releases an owner's lock early. It is no error if it has none.
    fn unlock(
        &self,
        work: &str,
        owner: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
