use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::keys;
use super::table::{Change, Done, Item, Table, Values, millis, number, read, row, text, value};
use crate::adapters::sdk_error::failed;
use crate::domain::email::EmailAddress;
use crate::domain::ids::{CustomerId, ImportId, LeadId};
use crate::domain::lead::{
    Lead, LeadRecord, LeadState, MAX_LINES, QuarantineReason, TimelineEntry, shortened,
};
use crate::domain::tally::Counts;
use crate::ports::{
    Claim, Due, LanePlace, LeadFilter, Ledger, Page, Recorded, Settlement, StoreError,
};

/// The Ledger table: leads, and the lanes they wait in.
#[derive(Debug, Clone)]
pub struct DynamoLedger {
    pub(super) table: Table,
}

impl DynamoLedger {
    /// A table by its name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self {
            table: Table::new(client, table),
        }
    }
}

/// A lead as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct LeadRow {
    lead: Lead,
    state: LeadState,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    timeline: Vec<TimelineEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exported_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    imported_by: Option<ImportId>,
    /// For the filter of a listing, in milliseconds.
    received_at: i64,
    /// In milliseconds; with `due_shard` only while something is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_shard: Option<String>,
}

impl From<LeadRow> for LeadRecord {
    fn from(row: LeadRow) -> Self {
        let aside = matches!(row.state, LeadState::Quarantined { .. });
        let due_at = row.due_at.filter(|at| *at < FOR_A_PERSON && !aside);
        Self {
            lead: row.lead,
            state: row.state,
            due_at: due_at.and_then(|at| Timestamp::from_millisecond(at).ok()),
            attempts: row.attempts,
            timeline: row.timeline,
            exported_at: row.exported_at,
            imported_by: row.imported_by,
        }
    }
}

/// The due time of leads that wait for a person, in milliseconds: 9999-01-01, and as long after it as the wait began
/// after 1970, so that one wait can be told from the next.
const FOR_A_PERSON: i64 = 253_370_764_800_000;

/// As `due_at` has it.
pub(super) fn due_millis(due: Due) -> i64 {
    match due {
        Due::At(at) => at.as_millisecond(),
        Due::ForPerson { since } => FOR_A_PERSON + since.as_millisecond(),
    }
}

/// What `due_at` says.
pub(super) fn due_of(millis: i64) -> Option<Due> {
    let moment = |millis| Timestamp::from_millisecond(millis).ok();
    match millis - FOR_A_PERSON {
        since @ 0.. => moment(since).map(|since| Due::ForPerson { since }),
        _ => moment(millis).map(Due::At),
    }
}

/// Where a lead that entered this state `since` then stands in the index `due`, if anything is due. One that is set aside
/// is not, and stands there to be found.
fn due(
    customer: &CustomerId,
    lead: &LeadId,
    state: &LeadState,
    at: Option<Timestamp>,
    since: Timestamp,
) -> Option<(String, i64)> {
    match state {
        LeadState::Received | LeadState::Queued | LeadState::Sending { .. } => {
            Some((keys::shard_of(lead), at?.as_millisecond()))
        }
        LeadState::Waiting { .. } => {
            let due = at.map_or(Due::ForPerson { since }, Due::At);
            Some((keys::lane_shard(customer), due_millis(due)))
        }
        LeadState::Quarantined { .. } => Some((keys::aside_shard_of(lead), at?.as_millisecond())),
        LeadState::Delivered { .. } | LeadState::Refused { .. } | LeadState::Erased => None,
    }
}

fn record(item: Item) -> Result<Box<LeadRecord>, StoreError> {
    read::<LeadRow>(item).map(|row| Box::new(row.into()))
}

/// A line of the timeline, as a list to append.
pub(super) fn line(at: Timestamp, state: &LeadState) -> Result<AttributeValue, StoreError> {
    value(&[TimelineEntry {
        at,
        state: state.clone(),
    }])
}

/// What [`LeadState::is_claimable`] says, for DynamoDB: a claim's deadline is its `due_at`.
const CLAIMABLE: &str = "attribute_not_exists(exported_at) AND (#state.#status IN (:received, :queued) \
     OR (#state.#status = :waiting AND #state.why <> :import) \
     OR (#state.#status = :sending AND due_at <= :now))";

/// Waiting as it was seen to.
const WAITS_AS_SEEN: &str = "attribute_not_exists(exported_at) AND #state.#status = :waiting \
     AND #state.why <> :import AND due_at = :seen";

/// Never queued, or stuck.
const STUCK: &str = "attribute_not_exists(exported_at) AND (#state.#status = :received \
     OR (#state.#status IN (:queued, :sending) AND due_at <= :now) \
     OR (#state.#status = :waiting AND #state.why = :import AND due_at <= :now))";

/// The words that claiming and taking up what is stuck name.
fn words(now: Timestamp) -> [(&'static str, AttributeValue); 6] {
    [
        (":received", text("received")),
        (":queued", text("queued")),
        (":waiting", text("waiting")),
        (":sending", text("sending")),
        (":import", text("import")),
        (":now", millis(now)),
    ]
}

impl Ledger for DynamoLedger {
    async fn record(
        &self,
        lead: &Lead,
        state: &LeadState,
        due_at: Timestamp,
    ) -> Result<Recorded, StoreError> {
        self.insert(lead, state, due_at, None).await
    }

    async fn set_aside(
        &self,
        lead: &Lead,
        why: QuarantineReason,
        expires_at: i64,
    ) -> Result<Recorded, StoreError> {
        let state = LeadState::Quarantined { why };
        self.insert(lead, &state, lead.received_at, Some(expires_at))
            .await
    }

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
            Done::No(Some(mut item)) => match state_of(&mut item)? {
                LeadState::Sending { until, .. } => Ok(Claim::Held { until }),
                state => Ok(Claim::Settled(state)),
            },
        }
    }

    /// The answer to a request that was repeated because the first answer was lost finds the lead settled as
    /// asked, and says so.
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

    async fn requeue(
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
                    (":import", text("import")),
                    (":seen", number(due_millis(seen))),
                ];
                (WAITS_AS_SEEN, words)
            }
            None => (STUCK, words(at).into()),
        };
        self.queue_again(customer, lead, at, due_at, when, words)
            .await
    }

    async fn release(
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

    async fn export(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        at: Timestamp,
        expires_at: Option<i64>,
    ) -> Result<bool, StoreError> {
        self.mark_exported(customer, lead, at, expires_at).await
    }

    async fn replay(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        again: bool,
        at: Timestamp,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.replay_lead(customer, lead, again, at, due_at).await
    }

    async fn erase(
        &self,
        blank: &Lead,
        at: Timestamp,
        expires_at: i64,
    ) -> Result<bool, StoreError> {
        self.erase_lead(blank, at, expires_at).await
    }

    async fn leads_of(
        &self,
        customer: &CustomerId,
        email: &EmailAddress,
    ) -> Result<Vec<LeadId>, StoreError> {
        self.leads_of_person(customer, email).await
    }

    async fn lead(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
    ) -> Result<Option<LeadRecord>, StoreError> {
        let item = self.table.get(keys::lead(customer, lead)).await?;
        let row: Option<LeadRow> = item.map(read).transpose()?;
        Ok(row.map(LeadRecord::from))
    }

    async fn owner_of(&self, lead: &LeadId) -> Result<Option<CustomerId>, StoreError> {
        let request = self
            .table
            .query()
            .index_name("by_lead")
            .key_condition_expression("sk = :lead")
            .expression_attribute_values(":lead", text(lead.as_str()))
            .limit(1);
        let answer = request.send().await.map_err(failed("Query"))?;
        Ok(answer.items().first().and_then(keys::customer_of))
    }

    async fn leads(
        &self,
        customer: &CustomerId,
        filter: &LeadFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<LeadRecord>, StoreError> {
        let nothing = Page {
            items: Vec::new(),
            next: None,
        };
        let oldest = oldest_id(filter.since);
        let Ok(before) = cursor.map(str::parse::<LeadId>).transpose() else {
            return Ok(nothing); // nobody gave this cursor out
        };
        if before.as_ref().is_some_and(|before| *before <= oldest) {
            return Ok(nothing);
        }
        let mut request = self
            .table
            .query()
            .key_condition_expression("pk = :pk AND sk BETWEEN :oldest AND :newest")
            .expression_attribute_values(":pk", text(keys::of_customer(customer)))
            .expression_attribute_values(":oldest", text(oldest.as_str()))
            .expression_attribute_values(":newest", text("lead_~"))
            .set_exclusive_start_key(before.map(|before| keys::lead(customer, &before).into_item()))
            .scan_index_forward(false)
            .limit(i32::from(limit));
        let mut fits = Vec::new();
        if let Some(status) = &filter.status {
            fits.push("#state.#status = :status");
            request = request
                .expression_attribute_names("#state", "state")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":status", text(status));
        }
        if let Some(since) = filter.since {
            fits.push("received_at >= :since");
            request = request.expression_attribute_values(":since", millis(since));
        }
        let fits = (!fits.is_empty()).then(|| fits.join(" AND "));
        let answer = request.set_filter_expression(fits).send().await;
        let answer = answer.map_err(failed("Query"))?;
        let items = answer.items.unwrap_or_default().into_iter();
        Ok(Page {
            items: items
                .map(|item| Ok(*record(item)?))
                .collect::<Result<_, StoreError>>()?,
            next: answer
                .last_evaluated_key
                .as_ref()
                .and_then(keys::lead_of)
                .map(String::from),
        })
    }

    async fn count(&self, customer: &CustomerId, day: Date) -> Result<Counts, StoreError> {
        self.count_day(customer, day).await
    }

    async fn overdue(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<(CustomerId, LeadId)>, StoreError> {
        self.overdue_leads(now, limit).await
    }

    async fn quarantined(
        &self,
        since: Timestamp,
        limit: u16,
    ) -> Result<Vec<(CustomerId, LeadId)>, StoreError> {
        self.leads_aside(since, limit).await
    }

    async fn waiting(
        &self,
        customer: &CustomerId,
        limit: u16,
    ) -> Result<Vec<LanePlace>, StoreError> {
        self.waiting_leads(customer, limit).await
    }

    async fn due_lanes(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<(CustomerId, Timestamp)>, StoreError> {
        self.marked_lanes(now, limit).await
    }

    async fn mark_lane(&self, customer: &CustomerId, at: Timestamp) -> Result<(), StoreError> {
        self.mark(customer, at).await
    }

    async fn advance_lane(
        &self,
        customer: &CustomerId,
        seen: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.advance(customer, seen, next).await
    }
}

impl DynamoLedger {
    /// Makes a lead's row, unless it is there.
    async fn insert(
        &self,
        lead: &Lead,
        state: &LeadState,
        due_at: Timestamp,
        expires_at: Option<i64>,
    ) -> Result<Recorded, StoreError> {
        let since = lead.received_at;
        let due = due(&lead.customer, &lead.id, state, Some(due_at), since);
        let (due_shard, due_at) = due.unzip();
        let content = LeadRow {
            lead: lead.clone(),
            state: state.clone(),
            attempts: 0,
            timeline: vec![TimelineEntry {
                at: lead.received_at,
                state: state.clone(),
            }],
            exported_at: None,
            imported_by: None,
            received_at: lead.received_at.as_millisecond(),
            due_at,
            due_shard,
        };
        let mut row = row(keys::lead(&lead.customer, &lead.id), &content)?;
        let person = keys::person(&lead.customer, &lead.contact.email);
        row.insert("person".into(), text(person));
        row.extend(expires_at.map(|second| ("expires_at".to_owned(), number(second))));
        match self
            .table
            .put_if(row, "attribute_not_exists(pk)", None)
            .await?
        {
            Done::Yes(_) => Ok(Recorded::New),
            Done::No(item) => Ok(Recorded::Already(record(item.unwrap_or_default())?)),
        }
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
fn state_of(item: &mut Item) -> Result<LeadState, StoreError> {
    let state = item.remove("state").unwrap_or(AttributeValue::Null(true));
    serde_dynamo::from_attribute_value(state)
        .map_err(|_| StoreError::new("a lead's state cannot be read"))
}

/// No lead received at or after `since` has an id below this one. Ids carry the time, rounded down.
fn oldest_id(since: Option<Timestamp>) -> LeadId {
    const ROUNDED_BY: SignedDuration = SignedDuration::from_hours(1);
    let since = since.and_then(|since| since.checked_sub(ROUNDED_BY).ok());
    let millis = since.map_or(0, |since| {
        u64::try_from(since.as_millisecond()).unwrap_or(0)
    });
    LeadId::new(Ulid::from_parts(millis, 0))
}
