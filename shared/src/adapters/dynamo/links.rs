use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::directory::DynamoDirectory;
use super::keys;
use super::table::{read, row, ttl};
use crate::domain::ids::{CustomerId, LinkId};
use crate::ports::{Links, StoreError};

/// A link that has not been burnt.
#[derive(Serialize, Deserialize)]
pub(super) struct LinkRow {
    until: Timestamp,
    /// For the table's clean-up, which is late; `until` is what counts.
    expires_at: i64,
}

impl Links for DynamoDirectory {
    async fn mint(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let content = LinkRow {
            until: expires_at,
            expires_at: ttl(expires_at),
        };
        self.table
            .put(row(keys::link(customer, link), &content)?)
            .await
    }

    async fn is_live(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let row = self.table.get(keys::link(customer, link)).await?;
        let row: Option<LinkRow> = row.map(read).transpose()?;
        Ok(row.is_some_and(|row| row.until > now))
    }

    async fn burn(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let row = self.table.take(keys::link(customer, link)).await?;
        let row: Option<LinkRow> = row.map(read).transpose()?;
        Ok(row.is_some_and(|row| row.until > now))
    }
}
