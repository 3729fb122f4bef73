use jiff::Timestamp;

use super::directory::{MemoryDirectory, Rows};
use crate::ports::{Locks, StoreError};

impl Locks for MemoryDirectory {
    async fn lock(
        &self,
        work: &str,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let take = |rows: &mut Rows| match rows.locks.get(work) {
            Some((other, end)) if other != owner && *end > now => false,
            _ => {
                rows.locks
                    .insert(work.to_owned(), (owner.to_owned(), until));
                true
            }
        };
        self.0.step(take).await
    }

    async fn unlock(&self, work: &str, owner: &str) -> Result<(), StoreError> {
        let release = |rows: &mut Rows| {
            if rows
                .locks
                .get(work)
                .is_some_and(|(holder, _)| holder == owner)
            {
                rows.locks.remove(work);
            }
        };
        self.0.step(release).await
    }
}
