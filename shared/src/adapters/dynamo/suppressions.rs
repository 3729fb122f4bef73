use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use jiff::Timestamp;

use super::directory::DynamoDirectory;
use super::keys;
use super::table::{BATCH, Write, read, row, text};
use crate::domain::ids::CustomerId;
use crate::domain::suppression::{PersonId, Suppression};
use crate::ports::{Page, StoreError, Suppressions};

/// Up to this many people are looked up concurrently, each by its own request: a drain's batch, whose function has no
/// permission for batch reads, or a part of a file.
const MAX_SINGLE_READS: usize = 32;

impl Suppressions for DynamoDirectory {
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
        let mut item = row(keys::suppression(customer, person), &new)?;
        item.insert("owner".into(), text(keys::suppressed_of(customer)));
        match self
            .table
            .put_if(item, "attribute_not_exists(pk)", vec![])
            .await?
        {
            Write::Applied(_) => Ok(new),
            Write::Rejected(item) => read(item.unwrap_or_default()),
        }
    }

    async fn unsuppress(
        &self,
        customer: &CustomerId,
        person: &PersonId,
    ) -> Result<bool, StoreError> {
        let taken = self.table.take(keys::suppression(customer, person)).await?;
        Ok(taken.is_some())
    }

    async fn suppressed(
        &self,
        customer: &CustomerId,
        people: &BTreeSet<PersonId>,
    ) -> Result<BTreeSet<PersonId>, StoreError> {
        if people.len() > MAX_SINGLE_READS {
            return self.suppressed_of_many(customer, people).await;
        }
        let look = async |person: &PersonId| {
            let row = self.table.get(keys::suppression(customer, person)).await?;
            Ok::<_, StoreError>(row.map(|_| person.clone()))
        };
        let found = try_join_all(people.iter().map(look)).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn suppressions(
        &self,
        customer: &CustomerId,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<Suppression>, StoreError> {
        let owner = keys::suppressed_of(customer);
        let Ok(after) = cursor.map(str::parse::<PersonId>).transpose() else {
            return Ok(Page::none()); // we never issued this cursor
        };
        let start = after.map(|person| keys::suppression(customer, &person).place_by_owner(&owner));
        let (items, last) = self.owned_by(&owner, start, Some(i32::from(limit))).await?;
        let items: Vec<Suppression> = items.into_iter().map(read).collect::<Result<_, _>>()?;
        let next = items.last().map(|line| line.person.to_string());
        Ok(Page {
            next: next.filter(|_| last.is_some()),
            items,
        })
    }
}

impl DynamoDirectory {
    /// Looks people up in batches.
    async fn suppressed_of_many(
        &self,
        customer: &CustomerId,
        people: &BTreeSet<PersonId>,
    ) -> Result<BTreeSet<PersonId>, StoreError> {
        let keys = people
            .iter()
            .map(|person| keys::suppression(customer, person).into_item());
        let keys: Vec<_> = keys.collect();
        let mut found = BTreeSet::new();
        for batch in keys.chunks(BATCH) {
            for item in self.table.batch_get(batch.to_vec()).await? {
                found.insert(read::<Suppression>(item)?.person);
            }
        }
        Ok(found)
    }
}
