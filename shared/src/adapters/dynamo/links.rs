use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::directory::DynamoDirectory;
use super::keys;
use super::table::{Change, number, read, row, text, ttl};
use crate::domain::ids::{CustomerId, LinkId};
use crate::ports::{Links, StoreError};

/// A link.
#[derive(Serialize, Deserialize)]
pub(super) struct LinkRow {
    until: Timestamp,
    /// For the table's TTL, which deletes late, and for conditions to compare.
    expires_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    burnt_by: Option<LinkId>,
}

impl Links for DynamoDirectory {
    async fn create_link(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let content = LinkRow {
            until: expires_at,
            expires_at: ttl(expires_at),
            burnt_by: None,
        };
        self.table
            .put(row(keys::link(customer, link), &content)?)
            .await
    }

    async fn is_redeemable(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        by: &LinkId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let row = self.table.get(keys::link(customer, link)).await?;
        let row: Option<LinkRow> = row.map(read).transpose()?;
        let free = |row: &LinkRow| row.burnt_by.as_ref().is_none_or(|other| other == by);
        Ok(row.is_some_and(|row| row.until > now && free(&row)))
    }

    async fn redeem(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        by: &LinkId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = Change {
            set: "SET burnt_by = :by",
            when: Some("expires_at > :now AND (attribute_not_exists(burnt_by) OR burnt_by = :by)"),
            values: vec![(":by", text(by.as_str())), (":now", number(ttl(now)))],
        };
        let done = self
            .table
            .update(keys::link(customer, link), change)
            .await?;
        Ok(done.is_applied())
    }

    async fn revoke_manage_links(
        &self,
        customer: &CustomerId,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::revoked_links(customer);
        self.table.mark(key, at, expires_at).await
    }

    async fn manage_links_revoked_at(
        &self,
        customer: &CustomerId,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.table.marked_at(keys::revoked_links(customer)).await
    }
}
