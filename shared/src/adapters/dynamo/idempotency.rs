use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys;
use super::ledger::DynamoLedger;
use super::table::{Change, Write, millis, number, read, row, text, ttl};
use crate::domain::ids::{CustomerId, LeadId};
use crate::ports::{Idempotency, KeyClaim, KeyClaimed, StoreError};

/// A claim as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct KeyRow {
    lead: LeadId,
    content: String,
    #[serde(default)]
    owner: String,
    /// In milliseconds, like `ends`.
    until: i64,
    ends: i64,
    /// For the table's TTL, which deletes late; `ends` is what counts.
    expires_at: i64,
}

impl Idempotency for DynamoLedger {
    async fn claim_key(
        &self,
        customer: &CustomerId,
        key: &str,
        claim: &KeyClaim,
        gone: Option<&LeadId>,
        now: Timestamp,
    ) -> Result<KeyClaimed, StoreError> {
        let content = KeyRow {
            lead: claim.lead.clone(),
            content: claim.content.clone(),
            owner: claim.owner.clone(),
            until: claim.until.as_millisecond(),
            ends: claim.expires_at.as_millisecond(),
            expires_at: ttl(claim.expires_at),
        };
        let row = row(keys::idempotency(customer, key), &content)?;
        let mut free = "attribute_not_exists(pk) OR ends <= :now".to_owned();
        let mut values = vec![(":now", millis(now))];
        if let Some(gone) = gone {
            free += " OR #lead = :gone";
            values.push((":gone", text(gone.as_str())));
        }
        match self.table.put_if(row, &free, values).await? {
            Write::Applied(_) => Ok(KeyClaimed::Fresh),
            Write::Rejected(item) => {
                let row: KeyRow = read(item.unwrap_or_default())?;
                if row.owner == claim.owner {
                    return Ok(KeyClaimed::Fresh); // by our own request, whose answer was lost
                }
                Ok(KeyClaimed::Known(Box::new(KeyClaim {
                    lead: row.lead,
                    content: row.content,
                    owner: row.owner,
                    until: moment(row.until)?,
                    expires_at: moment(row.ends)?,
                })))
            }
        }
    }

    /// Leaves the row behind, expired: the function that accepts leads may not delete anything.
    async fn free_key(
        &self,
        customer: &CustomerId,
        key: &str,
        lead: &LeadId,
    ) -> Result<(), StoreError> {
        let change = Change {
            set: "SET ends = :never",
            when: Some("#lead = :lead"),
            values: vec![(":never", number(0)), (":lead", text(lead.as_str()))],
        };
        let key = keys::idempotency(customer, key);
        self.table.update(key, change).await?;
        Ok(())
    }
}

fn moment(millisecond: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millisecond).map_err(StoreError::new)
}
