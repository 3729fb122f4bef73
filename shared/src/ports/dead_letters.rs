use std::future::Future;

use super::StoreError;
use crate::domain::task::Task;

/// A message that drains failed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// What it says, if this version can read it.
    pub task: Option<Task>,
    /// By which it is discarded.
    pub receipt: String,
}

/// Where messages end that drains fail on, until a person has them sent again.
pub trait DeadLetters: Send + Sync {
    /// Looks at a few that nobody has looked at for two minutes, and leaves them where they are. None, where all have
    /// been.
    fn look(&self) -> impl Future<Output = Result<Vec<DeadLetter>, StoreError>> + Send;

    /// Takes one away for good that was looked at. That it is gone is no error.
    fn discard(&self, letter: &DeadLetter) -> impl Future<Output = Result<(), StoreError>> + Send;
}
