use std::future::Future;

use jiff::Timestamp;

use super::StoreError;

/// Work that two must not do at once.
pub trait Locks: Send + Sync {
    /// Takes the lock on a piece of work until `until`, unless it is another owner's at `now`. Exactly one owner of any
    /// number of concurrent ones is told that it has it, however often it asks.
    fn lock(
        &self,
        work: &str,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Gives an owner's lock back before its time. That it has none is no error.
    fn unlock(
        &self,
        work: &str,
        owner: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
