//! Claims on leads: claiming, settling, and putting leads back into the queue.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::keys;
use super::lead_row::{due, due_millis, line, record, status};
use super::ledger::DynamoLedger;
use super::table::{Change, Item, Values, Write, millis, number, seconds, text, value};
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{LeadState, LeadStatus, MAX_LINES, WaitReason, shortened};
use crate::ports::{Claim, Claims, Requeue, Settlement, StoreError, causes};

/// [`LeadState::is_claimable`] as a DynamoDB condition: a claim's deadline is its `due_at`.
const CLAIMABLE: &str = "attribute_not_exists(exported_at) AND (#state.#status IN (:received, :queued) \
     OR (#state.#status = :waiting AND #state.why <> :import) \
     OR (#state.#status = :sending AND due_at <= :now))";

/// Still waiting as it was when it was read. A lead that is exported or in an import is not due.
const WAITS_AS_SEEN: &str = "#state.#status = :waiting AND due_at = :seen";

/// Never queued, or stuck.
const STUCK: &str = "attribute_not_exists(exported_at) AND (#state.#status = :received \
     OR (#state.#status IN (:queued, :sending) AND due_at <= :now))";

/// [`can_replay`](crate::domain::lead::actions::can_replay) as a DynamoDB condition.
const REPLAYABLE: &str = "attribute_not_exists(exported_at) AND (#state.#status IN (:received, :refused) \
     OR (#state.#status = :waiting AND #state.why <> :import))";

/// The same, also for leads that were exported in a file.
const REPLAYABLE_AGAIN: &str = "(#state.#status = :queued AND attribute_exists(exported_at)) \
     OR #state.#status IN (:received, :refused) \
     OR (#state.#status = :waiting AND #state.why <> :import)";

/// The values used by the conditions for claiming and for stuck leads.
fn status_values(now: Timestamp) -> [(&'static str, AttributeValue); 4] {
    [
        (":received", status(LeadStatus::Received)),
        (":queued", status(LeadStatus::Queued)),
        (":sending", status(LeadStatus::Sending)),
        (":now", millis(now)),
    ]
}

impl Claims for DynamoLedger {
    /// If a request is repeated because its answer was lost, the lead is already claimed by this claim and is returned.
    async fn claim(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Claim, StoreError> {
        let state = LeadState::Sending {
            owner: owner.to_owned(),
            until,
        };
        let mut values = vec![
            (":state", value(&state)?),
            (":until", millis(until)),
            (":shard", text(keys::shard_of(lead))),
            (":one", number(1)),
            (":waiting", status(LeadStatus::Waiting)),
            (":import", text(WaitReason::Import.as_str())),
        ];
        values.extend(status_values(now));
        let change = Change {
            set: "SET #state = :state, due_at = :until, due_shard = :shard ADD attempts :one",
            when: Some(CLAIMABLE),
            values,
        };
        match self
            .table
            .update(keys::lead(customer, lead), change)
            .await?
        {
            Write::Applied(item) => Ok(Claim::Taken(record(item)?)),
            Write::Rejected(None) => Ok(Claim::Missing),
            Write::Rejected(Some(item)) => match state_of(&item)? {
                held if held == state => Ok(Claim::Taken(record(item)?)),
                LeadState::Sending { .. } => Ok(Claim::Held),
                _ => Ok(Claim::Settled),
            },
        }
    }

    /// If a request is repeated because its answer was lost, the lead is already settled in this way, and that is the
    /// answer.
    async fn settle(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        owner: &str,
        settlement: &Settlement,
    ) -> Result<bool, StoreError> {
        let Settlement { state, at, .. } = settlement;
        let mut values = vec![
            (":state", value(state)?),
            (":line", line(*at, state)?),
            (":none", AttributeValue::L(Vec::new())),
            (":sending", status(LeadStatus::Sending)),
            (":owner", text(owner)),
        ];
        let mut set =
            "SET #state = :state, timeline = list_append(if_not_exists(timeline, :none), :line)"
                .to_owned();
        let mut remove = Vec::new();
        match due(customer, lead, state, settlement.due_at, *at) {
            Some((shard, due_at)) => {
                set.push_str(", due_shard = :shard, due_at = :due");
                values.extend([(":shard", text(shard)), (":due", number(due_at))]);
            }
            None => remove.extend(["due_shard", "due_at"]),
        }
        match settlement.expires_at {
            Some(end) => {
                set.push_str(", expires_at = :expires");
                values.push((":expires", seconds(end)));
            }
            None => remove.push("expires_at"),
        }
        if !remove.is_empty() {
            set.push_str(&format!(" REMOVE {}", remove.join(", ")));
        }
        let change = Change {
            set: &set,
            when: Some("#state.#status = :sending AND #state.#owner = :owner"),
            values,
        };
        match self
            .table
            .update(keys::lead(customer, lead), change)
            .await?
        {
            Write::Applied(item) => {
                self.shorten(customer, lead, item).await;
                Ok(true)
            }
            Write::Rejected(None) => Ok(false),
            Write::Rejected(Some(item)) => {
                let record = record(item)?;
                let last = record.timeline.last();
                Ok(last.is_some_and(|line| line.at == *at && line.state == *state))
            }
        }
    }

    /// If a request is repeated because its answer was lost, its line is already in the timeline, and that is the
    /// answer. Until it is settled, a lead's row does not expire.
    async fn requeue(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        from: Requeue,
        at: Timestamp,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (when, from_values) = condition_for(from, at);
        let written = line(at, &LeadState::Queued)?;
        let mut values = vec![
            (":state", value(&LeadState::Queued)?),
            (":line", written.clone()),
            (":none", AttributeValue::L(Vec::new())),
            (":due", millis(due_at)),
            (":shard", text(keys::shard_of(lead))),
        ];
        values.extend(from_values);
        let change = Change {
            set: "SET #state = :state, due_at = :due, due_shard = :shard, \
                  timeline = list_append(if_not_exists(timeline, :none), :line) \
                  REMOVE exported_at, expires_at",
            when: Some(when),
            values,
        };
        let key = keys::lead(customer, lead);
        let last = |lines: &AttributeValue| lines.as_l().ok()?.last().cloned();
        Ok(match self.table.update(key, change).await? {
            Write::Applied(_) => true,
            Write::Rejected(item) => {
                item.is_some_and(|item| item.get("timeline").and_then(last) == last(&written))
            }
        })
    }
}

impl DynamoLedger {
    /// Cuts the middle out of a timeline that has grown too long, unless it has changed since. A failure does no harm:
    /// the next line does it.
    async fn shorten(&self, customer: &CustomerId, lead: &LeadId, item: Item) {
        let lines = item.get("timeline").and_then(|lines| lines.as_l().ok());
        let Some(lines) = lines.map(Vec::len).filter(|lines| *lines > MAX_LINES) else {
            return;
        };
        let short = record(item).map(|record| shortened(&record.timeline));
        let Ok(Some(Ok(short))) = short.map(|short| short.map(|short| value(&short))) else {
            return;
        };
        let change = Change {
            set: "SET timeline = :short",
            when: Some("size(timeline) = :lines"),
            values: vec![(":short", short), (":lines", number(lines))],
        };
        if let Err(error) = self.table.update(keys::lead(customer, lead), change).await {
            tracing::warn!(lead.id = %lead, error = %causes(&error), "a timeline was not shortened");
        }
    }
}

/// The condition on a lead for each kind of requeue, and its values.
fn condition_for(from: Requeue, at: Timestamp) -> (&'static str, Values) {
    let mut replay_values = vec![
        (":received", status(LeadStatus::Received)),
        (":refused", status(LeadStatus::Refused)),
        (":waiting", status(LeadStatus::Waiting)),
        (":import", text(WaitReason::Import.as_str())),
    ];
    match from {
        Requeue::Waits(seen) => {
            let seen = number(due_millis(seen));
            let values = vec![(":waiting", status(LeadStatus::Waiting)), (":seen", seen)];
            (WAITS_AS_SEEN, values)
        }
        Requeue::Stuck => (STUCK, status_values(at).into()),
        Requeue::Quarantined => {
            let values = vec![(":quarantined", status(LeadStatus::Quarantined))];
            ("#state.#status = :quarantined", values)
        }
        Requeue::OnRequest { again: false } => (REPLAYABLE, replay_values),
        Requeue::OnRequest { again: true } => {
            replay_values.push((":queued", status(LeadStatus::Queued)));
            (REPLAYABLE_AGAIN, replay_values)
        }
    }
}

/// Only the state, since the row of an erased lead has nothing else.
fn state_of(item: &Item) -> Result<LeadState, StoreError> {
    let state = item.get("state").cloned();
    let state = state.unwrap_or(AttributeValue::Null(true));
    serde_dynamo::from_attribute_value(state)
        .map_err(|_| StoreError::new("a lead's state cannot be read"))
}
