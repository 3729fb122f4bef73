use std::future::Future;

use super::StoreError;
use crate::domain::task::Task;

/// The queue did not accept the messages at these places of the batch.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not take {} messages", .failed.len())]
pub struct QueueError {
    /// Indices into the batch.
    pub failed: Vec<usize>,
    /// Why, if one error made them all fail.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The queue to the drain. It delivers what it accepted until a drain is done with it, possibly more than once and in
/// another order: if the ledger fails, only the queue has the lead.
pub trait Queue: Send + Sync {
    /// Sends tasks, grouped by customer for fairness.
    fn send(&self, tasks: &[Task]) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// About how many tasks nobody has received yet. For display, and to check that the queue exists.
    fn depth(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;
}
