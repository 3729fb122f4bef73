//! Counters: a row for each customer and day, a number for each label. An unsettled row is in the index `by_owner`.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use jiff::civil::Date;

use super::directory::DynamoDirectory;
use super::keys;
use super::table::{Item, millis, number, text};
use crate::domain::ids::CustomerId;
use crate::domain::tally::{Label, Tally, TallyChanges};
use crate::ports::{StoreError, Tallies, Unsettled};

/// Prefix that sets counters apart from other attributes.
const COUNTER: &str = "n.";

impl Tallies for DynamoDirectory {
    async fn tally(
        &self,
        customer: &CustomerId,
        changes: &TallyChanges,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for (day, counts) in changes.days() {
            let counters = counts
                .iter()
                .map(|(label, change)| (format!("{COUNTER}{label}"), *change));
            let numbers = counters.chain([("revision".to_owned(), 1)]);
            let set = vec![
                ("owner", text(keys::UNSETTLED)),
                ("touched_at", millis(now)),
            ];
            self.table
                .add(keys::tally(customer, day), numbers, set)
                .await?;
        }
        Ok(())
    }

    async fn tallies(&self, customer: &CustomerId) -> Result<Vec<Tally>, StoreError> {
        let query = self
            .table
            .query()
            .key_condition_expression("pk = :pk AND begins_with(sk, :tally)")
            .expression_attribute_values(":pk", text(keys::of_customer(customer)))
            .expression_attribute_values(":tally", text(keys::TALLY));
        let rows = self.table.all(query).await?;
        Ok(rows.iter().filter_map(tally_of).collect())
    }

    async fn tally_of(
        &self,
        customer: &CustomerId,
        day: Date,
    ) -> Result<Option<Tally>, StoreError> {
        let row = self.table.get(keys::tally(customer, day)).await?;
        Ok(row.as_ref().and_then(tally_of))
    }

    async fn unsettled(&self, quiet_since: Timestamp) -> Result<Vec<Unsettled>, StoreError> {
        let rows = self.all_owned_by(keys::UNSETTLED).await?;
        let days = rows.iter().filter_map(unsettled_of);
        Ok(days.filter(|day| day.touched_at <= quiet_since).collect())
    }

    /// The row keeps its revision, so that a count begun before its last change is not accepted.
    async fn settle_tally(
        &self,
        customer: &CustomerId,
        tally: &Tally,
        revision: u64,
    ) -> Result<bool, StoreError> {
        let mut row = keys::tally(customer, tally.day).into_item();
        row.insert("revision".into(), number(revision));
        for (label, count) in &tally.counts {
            row.insert(format!("{COUNTER}{label}"), number(count));
        }
        let seen = vec![(":seen", number(revision))];
        let done = self.table.put_if(row, "revision = :seen", seen).await?;
        Ok(done.is_applied())
    }
}

fn tally_of(row: &Item) -> Option<Tally> {
    let counter = |(name, value): (&String, &AttributeValue)| {
        let label = Label::from(name.strip_prefix(COUNTER)?);
        Some((label, value.as_n().ok()?.parse().ok()?))
    };
    Some(Tally {
        day: keys::day_of(row)?,
        counts: row.iter().filter_map(counter).collect(),
    })
}

fn unsettled_of(row: &Item) -> Option<Unsettled> {
    let touched_at = row.get("touched_at")?.as_n().ok()?.parse().ok()?;
    Some(Unsettled {
        customer: keys::customer_of(row)?,
        tally: tally_of(row)?,
        revision: row.get("revision")?.as_n().ok()?.parse().ok()?,
        touched_at: Timestamp::from_millisecond(touched_at).ok()?,
    })
}
