use jiff::Timestamp;

use super::ledger::MemoryLedger;
use super::ledger_rows::Rows;
use crate::domain::ids::CustomerId;
use crate::ports::{RateCounters, StoreError};

impl RateCounters for MemoryLedger {
    async fn add(
        &self,
        customer: &CustomerId,
        counter: &str,
        by: u32,
        _: Timestamp,
    ) -> Result<u64, StoreError> {
        let name = (customer.clone(), counter.to_owned());
        let add = |rows: &mut Rows| {
            let sum = rows.counters.entry(name).or_default();
            *sum += u64::from(by);
            *sum
        };
        self.0.step(add).await
    }
}
