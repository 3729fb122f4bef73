use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys::Key;
use super::table::{Table, read, row, ttl};
use crate::ports::StoreError;

/// A row that says only when something happened.
#[derive(Serialize, Deserialize)]
struct Mark {
    at: Timestamp,
    /// For the table's TTL.
    expires_at: i64,
}

impl Table {
    pub(super) async fn mark(
        &self,
        key: Key,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let expires_at = ttl(expires_at);
        self.put(row(key, &Mark { at, expires_at })?).await
    }

    pub(super) async fn marked_at(&self, key: Key) -> Result<Option<Timestamp>, StoreError> {
        let mark: Option<Mark> = self.get(key).await?.map(read).transpose()?;
        Ok(mark.map(|mark| mark.at))
    }
}
