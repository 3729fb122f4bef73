use std::collections::BTreeSet;

use jiff::Timestamp;

use super::directory::{MemoryDirectory, Rows};
use crate::domain::ids::CustomerId;
use crate::domain::suppression::{PersonId, Suppression};
use crate::ports::{Page, StoreError, Suppressions};

impl Suppressions for MemoryDirectory {
    async fn suppress(
        &self,
        customer: &CustomerId,
        person: &PersonId,
        now: Timestamp,
    ) -> Result<Suppression, StoreError> {
        let new = Suppression {
            person: person.clone(),
            since: now,
        };
        let key = (customer.clone(), person.clone());
        let put = |rows: &mut Rows| rows.suppressions.entry(key).or_insert(new).clone();
        self.0.step(put).await
    }

    async fn unsuppress(
        &self,
        customer: &CustomerId,
        person: &PersonId,
    ) -> Result<bool, StoreError> {
        let key = (customer.clone(), person.clone());
        self.0
            .step(|rows| rows.suppressions.remove(&key).is_some())
            .await
    }

    async fn suppressed(
        &self,
        customer: &CustomerId,
        people: &BTreeSet<PersonId>,
    ) -> Result<BTreeSet<PersonId>, StoreError> {
        let look = |rows: &mut Rows| {
            let listed = |person: &&PersonId| {
                let key = (customer.clone(), (*person).clone());
                rows.suppressions.contains_key(&key)
            };
            people.iter().filter(listed).cloned().collect()
        };
        self.0.step(look).await
    }

    async fn suppressions(
        &self,
        customer: &CustomerId,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<Suppression>, StoreError> {
        let list = |rows: &mut Rows| {
            let mut after = rows
                .suppressions
                .iter()
                .filter(|((owner, _), _)| owner == customer)
                .map(|(_, suppression)| suppression)
                .filter(|line| cursor.is_none_or(|last| line.person.to_string().as_str() > last));
            let items: Vec<_> = after.by_ref().take(usize::from(limit)).cloned().collect();
            let more = after.next().is_some();
            let last = items.last().map(|line| line.person.to_string());
            Page {
                next: last.filter(|_| more),
                items,
            }
        };
        self.0.step(list).await
    }
}
