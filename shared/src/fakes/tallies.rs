use jiff::Timestamp;
use jiff::civil::Date;

use super::directory::{MemoryDirectory, Rows};
use crate::domain::ids::CustomerId;
use crate::domain::tally::{Counts, Tally, TallyChanges};
use crate::ports::{StoreError, Tallies, Unsettled};

#[derive(Debug, Default)]
pub(super) struct TallyRow {
    counts: Counts,
    revision: u64,
    touched_at: Option<Timestamp>,
}

impl Tallies for MemoryDirectory {
    async fn tally(
        &self,
        customer: &CustomerId,
        changes: &TallyChanges,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for (day, counts) in changes.days() {
            let add = |rows: &mut Rows| {
                let row = rows.tallies.entry((customer.clone(), day)).or_default();
                for (label, change) in counts {
                    *row.counts.entry(label.clone()).or_default() += change;
                }
                row.revision += 1;
                row.touched_at = Some(now);
            };
            self.0.step(add).await?;
        }
        Ok(())
    }

    async fn tallies(&self, customer: &CustomerId) -> Result<Vec<Tally>, StoreError> {
        let list = |rows: &mut Rows| {
            let own = rows
                .tallies
                .iter()
                .filter(|((owner, _), _)| owner == customer);
            let tally = |((_, day), row): (&(CustomerId, Date), &TallyRow)| Tally {
                day: *day,
                counts: row.counts.clone(),
            };
            own.map(tally).collect()
        };
        self.0.step(list).await
    }

    async fn tally_of(
        &self,
        customer: &CustomerId,
        day: Date,
    ) -> Result<Option<Tally>, StoreError> {
        let read = |rows: &mut Rows| {
            let row = rows.tallies.get(&(customer.clone(), day));
            row.map(|row| Tally {
                day,
                counts: row.counts.clone(),
            })
        };
        self.0.step(read).await
    }

    async fn unsettled(&self, quiet_since: Timestamp) -> Result<Vec<Unsettled>, StoreError> {
        let list = |rows: &mut Rows| {
            let unsettled = rows.tallies.iter().filter_map(|((customer, day), row)| {
                Some(Unsettled {
                    customer: customer.clone(),
                    tally: Tally {
                        day: *day,
                        counts: row.counts.clone(),
                    },
                    revision: row.revision,
                    touched_at: row.touched_at.filter(|at| *at <= quiet_since)?,
                })
            });
            unsettled.collect()
        };
        self.0.step(list).await
    }

    async fn settle_tally(
        &self,
        customer: &CustomerId,
        tally: &Tally,
        revision: u64,
    ) -> Result<bool, StoreError> {
        let settle = |rows: &mut Rows| {
            let row = rows.tallies.get_mut(&(customer.clone(), tally.day));
            let Some(row) = row.filter(|row| row.revision == revision) else {
                return false;
            };
            row.counts = tally.counts.clone();
            row.touched_at = None;
            true
        };
        self.0.step(settle).await
    }
}
