use jiff::Timestamp;

use super::directory::{MemoryDirectory, Rows};
use crate::ports::{StoreError, Turns};

impl Turns for MemoryDirectory {
    async fn take_turn(
        &self,
        work: &str,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let take = |rows: &mut Rows| match rows.turns.get(work) {
            Some((other, end)) if other != owner && *end > now => false,
            _ => {
                rows.turns
                    .insert(work.to_owned(), (owner.to_owned(), until));
                true
            }
        };
        self.0.step(take).await
    }

    async fn end_turn(&self, work: &str, owner: &str) -> Result<(), StoreError> {
        let end = |rows: &mut Rows| {
            if rows
                .turns
                .get(work)
                .is_some_and(|(holder, _)| holder == owner)
            {
                rows.turns.remove(work);
            }
        };
        self.0.step(end).await
    }
}
