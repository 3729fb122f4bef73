use std::future::Future;

use jiff::SignedDuration;

use super::StoreError;
use crate::domain::task::Task;

/// For how long a dead letter that was looked at is hidden from everybody: so short that an alarm, which looks at five
/// minutes, sees it all the same.
pub const LOOKED_AT_FOR: SignedDuration = SignedDuration::from_secs(30);

/// A message that drains failed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// What it says, if this version can read it.
    pub task: Option<Task>,
    /// By which it is discarded while it is hidden.
    pub receipt: String,
}

/// Where messages end that drains fail on, until a person has them sent again.
pub trait DeadLetters: Send + Sync {
    /// Looks at a few and leaves them where they are, hidden for [`LOOKED_AT_FOR`]. None, where all there are are hidden.
    fn look(&self) -> impl Future<Output = Result<Vec<DeadLetter>, StoreError>> + Send;

    /// Ends the hiding of some that were looked at.
    fn put_back(
        &self,
        letters: &[DeadLetter],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes one away for good that is hidden.
    fn discard(&self, letter: &DeadLetter) -> impl Future<Output = Result<(), StoreError>> + Send;
}
