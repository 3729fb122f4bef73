use std::future::Future;

use jiff::SignedDuration;

use super::StoreError;
use crate::domain::task::Task;

/// How long a dead letter that was looked at is hidden from everybody: short enough that an alarm, which looks at five
/// minutes, still sees it.
pub const HIDDEN_FOR: SignedDuration = SignedDuration::from_secs(30);

/// A message that drains failed to process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its content, if this version can read it.
    pub task: Option<Task>,
    /// The handle to discard it by while it is hidden.
    pub receipt: String,
}

/// The dead-letter queue: messages that drains failed to process, until a person has them sent again.
pub trait DeadLetters: Send + Sync {
    /// Looks at a few and leaves them in place, hidden for [`HIDDEN_FOR`]. Returns none if all are hidden.
    fn peek(&self) -> impl Future<Output = Result<Vec<DeadLetter>, StoreError>> + Send;

    /// Makes some that were looked at visible again.
    fn put_back(
        &self,
        letters: &[DeadLetter],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Deletes a hidden one for good.
    fn discard(&self, letter: &DeadLetter) -> impl Future<Output = Result<(), StoreError>> + Send;
}
