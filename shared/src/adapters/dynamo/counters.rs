use jiff::Timestamp;
use serde::Deserialize;

use super::keys;
use super::ledger::DynamoLedger;
use super::table::{Change, Write, number, read, ttl};
use crate::domain::ids::CustomerId;
use crate::ports::{RateCounters, StoreError};

#[derive(Deserialize)]
struct CounterRow {
    sum: u64,
}

impl RateCounters for DynamoLedger {
    async fn add(
        &self,
        customer: &CustomerId,
        counter: &str,
        by: u32,
        until: Timestamp,
    ) -> Result<u64, StoreError> {
        let change = Change {
            set: "SET expires_at = :expires ADD #sum :by",
            when: None,
            values: vec![(":by", number(by)), (":expires", number(ttl(until)))],
        };
        let counter = keys::counter(customer, counter);
        match self.table.update(counter, change).await? {
            Write::Applied(item) => Ok(read::<CounterRow>(item)?.sum),
            Write::Rejected(_) => Err(StoreError::new("a change without a condition was refused")),
        }
    }
}
