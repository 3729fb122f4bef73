//! Leads in work: claimed, settled, and queued again where nobody works on them.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::keys;
use super::lead_row::{due, due_millis, line, record};
use super::ledger::DynamoLedger;
use super::table::{Change, Done, Item, Values, millis, number, text, value};
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{LeadState, MAX_LINES, shortened};
use crate::ports::{Claim, Due, Settlement, StoreError};

/// What [`LeadState::is_claimable`] says, for DynamoDB: a claim's deadline is its `due_at`.
const CLAIMABLE: &str = "attribute_not_exists(exported_at) AND (#state.#status IN (:received, :queued) \
     OR (#state.#status = :waiting AND #state.why <> :import) \
     OR (#state.#status = :sending AND due_at <= :now))";

/// Waiting as it was seen to. Nothing is due that went out in a file or is in an import.
const WAITS_AS_SEEN: &str = "#state.#status = :waiting AND due_at = :seen";

/// Never queued, or stuck.
const STUCK: &str = "attribute_not_exists(exported_at) AND (#state.#status = :received \
     OR (#state.#status IN (:queued, :sending) AND due_at <= :now))";

/// The words that claiming and taking up what is stuck name.
fn words(now: Timestamp) -> [(&'static str, AttributeValue); 4] {
    [
        (":received", text("received")),
        (":queued", text("queued")),
        (":sending", text("sending")),
        (":now", millis(now)),
    ]
}

impl DynamoLedger {
    /// The answer to a request that was repeated because the first answer was lost finds the lead claimed as asked, and
    /// gives it.
    pub(super) async fn claim_lead(
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
            (":waiting", text("waiting")),
            (":import", text("import")),
        ];
        values.extend(words(now));
        let change = Change {
            set: "SET #state = :state, due_at = :until, due_shard = :shard ADD attempts :one",
            when: Some(CLAIMABLE),
            names: &["state", "status"],
            values,
        };
        match self
            .table
            .update(keys::lead(customer, lead), change)
            .await?
        {
            Done::Yes(item) => Ok(Claim::Taken(record(item)?)),
            Done::No(None) => Ok(Claim::Missing),
            Done::No(Some(item)) => match state_of(&item)? {
                held if held == state => Ok(Claim::Taken(record(item)?)),
                LeadState::Sending { .. } => Ok(Claim::Held),
                _ => Ok(Claim::Settled),
            },
        }
    }

    /// The answer to a request that was repeated because the first answer was lost finds the lead settled as
    /// asked, and says so.
    pub(super) async fn settle_lead(
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
            (":sending", text("sending")),
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
            Some(second) => {
                set.push_str(", expires_at = :expires");
                values.push((":expires", number(second)));
            }
            None => remove.push("expires_at"),
        }
        if !remove.is_empty() {
            set.push_str(&format!(" REMOVE {}", remove.join(", ")));
        }
        let change = Change {
            set: &set,
            when: Some("#state.#status = :sending AND #state.#owner = :owner"),
            names: &["state", "status", "owner"],
            values,
        };
        match self
            .table
            .update(keys::lead(customer, lead), change)
            .await?
        {
            Done::Yes(item) => {
                self.shorten(customer, lead, item).await;
                Ok(true)
            }
            Done::No(None) => Ok(false),
            Done::No(Some(item)) => {
                let record = record(item)?;
                let last = record.timeline.last();
                Ok(last.is_some_and(|line| line.at == *at && line.state == *state))
            }
        }
    }

    pub(super) async fn requeue_lead(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        seen: Option<Due>,
        at: Timestamp,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (when, words) = match seen {
            Some(seen) => {
                let words = vec![
                    (":waiting", text("waiting")),
                    (":seen", number(due_millis(seen))),
                ];
                (WAITS_AS_SEEN, words)
            }
            None => (STUCK, words(at).into()),
        };
        self.queue_again(customer, lead, at, due_at, when, words)
            .await
    }

    pub(super) async fn release_lead(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        at: Timestamp,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let aside = vec![(":quarantined", text("quarantined"))];
        let when = "#state.#status = :quarantined";
        self.queue_again(customer, lead, at, due_at, when, aside)
            .await
    }

    /// Moves a lead to `queued` where `when` holds, which names `words`. Until it is settled its row has no end.
    async fn queue_again(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        at: Timestamp,
        due_at: Timestamp,
        when: &str,
        words: Values,
    ) -> Result<bool, StoreError> {
        let mut values = vec![
            (":state", value(&LeadState::Queued)?),
            (":line", line(at, &LeadState::Queued)?),
            (":none", AttributeValue::L(Vec::new())),
            (":due", millis(due_at)),
            (":shard", text(keys::shard_of(lead))),
        ];
        values.extend(words);
        let change = Change {
            set: "SET #state = :state, due_at = :due, due_shard = :shard, \
                  timeline = list_append(if_not_exists(timeline, :none), :line) \
                  REMOVE expires_at",
            when: Some(when),
            names: &["state", "status"],
            values,
        };
        let done = self
            .table
            .update(keys::lead(customer, lead), change)
            .await?;
        Ok(matches!(done, Done::Yes(_)))
    }

    /// Takes the middle out of a timeline that has grown too long, unless it has changed since. That it was not done
    /// costs nothing: the next line does it.
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
            names: &[],
            values: vec![(":short", short), (":lines", number(lines))],
        };
        if let Err(error) = self.table.update(keys::lead(customer, lead), change).await {
            tracing::warn!(lead.id = %lead, error = &error as &dyn std::error::Error, "a timeline was not shortened");
        }
    }
}

/// The state alone, as a row whose lead was erased has no more than that.
fn state_of(item: &Item) -> Result<LeadState, StoreError> {
    let state = item.get("state").cloned();
    let state = state.unwrap_or(AttributeValue::Null(true));
    serde_dynamo::from_attribute_value(state)
        .map_err(|_| StoreError::new("a lead's state cannot be read"))
}
