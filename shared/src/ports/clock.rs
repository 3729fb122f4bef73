use std::future::Future;

use jiff::Timestamp;

/// The time, and waiting for it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Waits until `moment`; returns at once if it has passed.
    fn sleep_until(&self, moment: Timestamp) -> impl Future<Output = ()> + Send;
}
