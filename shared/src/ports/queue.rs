use std::future::Future;

use super::StoreError;
use crate::domain::task::Task;

/// The queue did not take the messages at these places of the batch.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not take {} messages", .failed.len())]
pub struct QueueError {
    /// Indices into the batch.
    pub failed: Vec<usize>,
    /// Why, where one error failed them all.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The way to the drain. What it took it brings until a drain is done with it, maybe more than once and in another
/// order: where the ledger fails it alone has the lead.
pub trait Queue: Send + Sync {
    /// Sends tasks, grouped by customer for fairness.
    fn send(&self, tasks: &[Task]) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// About how many tasks nobody has received yet. For showing it, and for seeing that the queue is there.
    fn depth(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;
}
