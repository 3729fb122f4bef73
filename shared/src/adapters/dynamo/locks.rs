use jiff::Timestamp;
use serde::Serialize;

use super::directory::DynamoDirectory;
use super::keys;
use super::table::{Change, millis, number, row, text};
use crate::ports::{Locks, StoreError};

/// The holder of a lock.
#[derive(Serialize)]
struct LockRow<'a> {
    taken_by: &'a str,
    /// In milliseconds.
    free_at: i64,
}

impl Locks for DynamoDirectory {
    async fn lock(
        &self,
        work: &str,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let content = LockRow {
            taken_by: owner,
            free_at: until.as_millisecond(),
        };
        let row = row(keys::lock(work), &content)?;
        let free = "attribute_not_exists(pk) OR taken_by = :owner OR free_at <= :now";
        let values = vec![(":owner", text(owner)), (":now", millis(now))];
        let done = self.table.put_if(row, free, values).await?;
        Ok(done.is_applied())
    }

    async fn unlock(&self, work: &str, owner: &str) -> Result<(), StoreError> {
        let change = Change {
            set: "SET free_at = :never",
            when: Some("taken_by = :owner"),
            values: vec![(":never", number(0)), (":owner", text(owner))],
        };
        self.table.update(keys::lock(work), change).await?;
        Ok(())
    }
}
