//! What is due: reads of the index `due`, and the marks of lanes.
//!
//! A lane's mark is `due_at` of its row. The next later one is kept as `later_at` (equal to `due_at` if there is none),
//! so that removing the first mark keeps the second: its lead may have come after the lane was read. After the last
//! mark, one more stays for a while, flagged `emptied`.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use jiff::Timestamp;

use super::keys;
use super::lead_row::{due_millis, due_of};
use super::ledger::DynamoLedger;
use super::table::{Change, Item, Write, millis, number, text};
use crate::adapters::sdk_error::failed;
use crate::domain::ids::{CustomerId, LeadId};
use crate::ports::{LaneMark, LanePlace, Lanes, RECHECK_DELAY, StoreError};

/// Later than anything can be due.
const LATEST: i64 = i64::MAX;

/// How often advancing a mark is retried because another mark came in between.
const ATTEMPTS: u32 = 5;

impl Lanes for DynamoLedger {
    async fn overdue(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<(CustomerId, LeadId)>, StoreError> {
        let mut rows = Vec::new();
        for shard in 0..keys::SHARDS {
            rows.extend(
                self.due(&keys::shard(shard), now.as_millisecond(), limit, None)
                    .await?,
            );
        }
        Ok(in_order(rows, limit))
    }

    async fn quarantined(
        &self,
        since: Timestamp,
        limit: u16,
    ) -> Result<Vec<(CustomerId, LeadId)>, StoreError> {
        let mut rows = Vec::new();
        for shard in 0..keys::SHARDS {
            let request = self
                .in_shard(&keys::quarantine_shard(shard))
                .key_condition_expression("due_shard = :shard AND due_at >= :since")
                .expression_attribute_values(":since", millis(since))
                .limit(i32::from(limit));
            let answer = request.send().await.map_err(failed("Query"))?;
            rows.extend(answer.items.unwrap_or_default());
        }
        Ok(in_order(rows, limit))
    }

    async fn waiting(
        &self,
        customer: &CustomerId,
        after: Option<&LanePlace>,
        limit: u16,
    ) -> Result<Vec<LanePlace>, StoreError> {
        let shard = keys::lane_shard(customer);
        let start = after.map(|(lead, due)| {
            keys::lead(customer, lead).place_by_due(&shard, number(due_millis(*due)))
        });
        let rows = self.due(&shard, LATEST, limit, start).await?;
        let place = |row: &Item| Some((keys::lead_of(row)?, due_of(due_at(row)?)?));
        Ok(rows.iter().filter_map(place).collect())
    }

    async fn backlog(&self, customer: &CustomerId, most: usize) -> Result<usize, StoreError> {
        let (mut count, mut start) = (0, None);
        loop {
            let request = self
                .in_shard(&keys::lane_shard(customer))
                .key_condition_expression("due_shard = :shard")
                .limit(i32::try_from(most - count).unwrap_or(i32::MAX))
                .select(Select::Count)
                .set_exclusive_start_key(start);
            let answer = request.send().await.map_err(failed("Query"))?;
            count += usize::try_from(answer.count).unwrap_or(0);
            start = answer.last_evaluated_key;
            if start.is_none() || count >= most {
                return Ok(count);
            }
        }
    }

    async fn due_lanes(
        &self,
        now: Timestamp,
        after: Option<&LaneMark>,
        limit: u16,
    ) -> Result<Vec<LaneMark>, StoreError> {
        let start =
            after.map(|(customer, at)| keys::lane(customer).place_by_due(keys::LANES, millis(*at)));
        let rows = self
            .due(keys::LANES, now.as_millisecond(), limit, start)
            .await?;
        let lane = |row: &Item| {
            let at = Timestamp::from_millisecond(due_at(row)?).ok()?;
            Some((keys::customer_of(row)?, at))
        };
        Ok(rows.iter().filter_map(lane).collect())
    }

    /// One write if the new mark is the earliest, two if there is an earlier one. If that is moved between the two
    /// writes, the new mark may be the earliest after all, so the loop tries again.
    async fn mark_lane(&self, customer: &CustomerId, at: Timestamp) -> Result<(), StoreError> {
        let moment = at.as_millisecond();
        for _ in 0..ATTEMPTS {
            match self
                .table
                .update(keys::lane(customer), earliest(at))
                .await?
            {
                Write::Rejected(Some(row)) if due_at(&row) != Some(moment) => {}
                _ => return Ok(()),
            }
            match self.table.update(keys::lane(customer), later(at)).await? {
                Write::Rejected(row)
                    if row.as_ref().and_then(due_at).is_none_or(|due| due > moment) => {}
                _ => return Ok(()),
            }
        }
        Err(StoreError::new("too many mark this lane at once"))
    }

    async fn advance_lane(
        &self,
        customer: &CustomerId,
        seen: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let seen = seen.as_millisecond();
        let next = next.map(Timestamp::as_millisecond);
        let (mut later, mut emptied) = (seen, false);
        for _ in 0..ATTEMPTS {
            let change = move_mark(seen, later, next, emptied);
            match self.table.update(keys::lane(customer), change).await? {
                Write::Rejected(Some(row)) if due_at(&row) == Some(seen) => {
                    later = moment(&row, "later_at").unwrap_or(seen);
                    emptied = row.contains_key("emptied");
                }
                _ => return Ok(()),
            }
        }
        Err(StoreError::new("too many mark this lane at once"))
    }
}

impl DynamoLedger {
    /// Keys of a shard that are due by `by`, longest due first, at most `limit`.
    pub(super) async fn due(
        &self,
        shard: &str,
        by: i64,
        limit: u16,
        start: Option<Item>,
    ) -> Result<Vec<Item>, StoreError> {
        let request = self
            .in_shard(shard)
            .key_condition_expression("due_shard = :shard AND due_at <= :by")
            .expression_attribute_values(":by", number(by))
            .set_exclusive_start_key(start)
            .limit(i32::from(limit));
        let answer = request.send().await.map_err(failed("Query"))?;
        Ok(answer.items.unwrap_or_default())
    }

    /// A query for one shard of the index. The caller's key condition narrows it.
    fn in_shard(&self, shard: &str) -> QueryFluentBuilder {
        self.table
            .query()
            .index_name("due")
            .expression_attribute_values(":shard", text(shard))
    }
}

/// Sets an earlier mark, and keeps the one it replaces as the later.
fn earliest(at: Timestamp) -> Change<'static> {
    Change {
        set: "SET due_shard = :lanes, later_at = if_not_exists(due_at, :at), due_at = :at \
              REMOVE emptied",
        when: Some("attribute_not_exists(due_at) OR due_at > :at"),
        values: vec![(":lanes", text(keys::LANES)), (":at", millis(at))],
    }
}

/// Sets a later mark beside the earlier one.
fn later(at: Timestamp) -> Change<'static> {
    Change {
        set: "SET later_at = :at",
        when: Some("due_at < :at AND (later_at = due_at OR later_at > :at)"),
        values: vec![(":at", millis(at))],
    }
}

/// Moves the mark from `seen` to the earlier of `next` and the stored `later`, if later than `seen`. If there is
/// neither, the mark stays for one more look, or is removed after that look.
fn move_mark(seen: i64, later: i64, next: Option<i64>, emptied: bool) -> Change<'static> {
    let mut marks: Vec<_> = next
        .into_iter()
        .chain(Some(later).filter(|at| *at > seen))
        .collect();
    marks.sort_unstable();
    let again = seen.saturating_add(i64::try_from(RECHECK_DELAY.as_millis()).unwrap_or(i64::MAX));
    let mut values = vec![(":seen", number(seen)), (":later", number(later))];
    let set = match (marks.first(), marks.last()) {
        (Some(first), Some(last)) => {
            values.extend([(":first", number(first)), (":last", number(last))]);
            "SET due_at = :first, later_at = :last REMOVE emptied"
        }
        _ if emptied => "REMOVE due_at, due_shard, later_at, emptied",
        _ => {
            values.extend([
                (":again", number(again)),
                (":yes", AttributeValue::Bool(true)),
            ]);
            "SET due_at = :again, later_at = :again, emptied = :yes"
        }
    };
    let when = if emptied {
        "due_at = :seen AND later_at = :later"
    } else {
        "due_at = :seen AND later_at = :later AND attribute_not_exists(emptied)"
    };
    Change {
        set,
        when: Some(when),
        values,
    }
}

/// The customer and lead of each row, the earliest first.
fn in_order(mut rows: Vec<Item>, limit: u16) -> Vec<(CustomerId, LeadId)> {
    rows.sort_by_key(due_at);
    let leads = rows
        .iter()
        .filter_map(|row| Some((keys::customer_of(row)?, keys::lead_of(row)?)));
    leads.take(usize::from(limit)).collect()
}

pub(super) fn due_at(row: &Item) -> Option<i64> {
    moment(row, "due_at")
}

fn moment(row: &Item, name: &str) -> Option<i64> {
    row.get(name)?.as_n().ok()?.parse().ok()
}
