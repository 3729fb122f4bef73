use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use jiff::civil::Date;
use ulid::Ulid;

use super::keys;
use super::lead_row::{LeadRow, record};
use super::table::{Done, Table, millis, number, read, row, text};
use crate::adapters::sdk_error::failed;
use crate::domain::email::EmailAddress;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{Lead, LeadRecord, LeadState, QuarantineReason};
use crate::domain::tally::Counts;
use crate::ports::{
    Claim, LanePlace, LeadFilter, Ledger, Page, Recorded, Requeue, Settlement, StoreError,
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
        self.claim_lead(customer, lead, owner, until, now).await
    }

    async fn settle(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        owner: &str,
        settlement: &Settlement,
    ) -> Result<bool, StoreError> {
        self.settle_lead(customer, lead, owner, settlement).await
    }

    async fn requeue(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        from: Requeue,
        at: Timestamp,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.requeue_lead(customer, lead, from, at, due_at).await
    }

    async fn export(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        at: Timestamp,
        expires_at: i64,
    ) -> Result<bool, StoreError> {
        self.mark_exported(customer, lead, at, expires_at).await
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
        let readable = |item| match record(item) {
            Ok(record) => Some(*record),
            Err(error) => {
                tracing::error!(%error, "a lead's row cannot be read and is missing in a listing");
                None
            }
        };
        Ok(Page {
            items: items.filter_map(readable).collect(),
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
        after: Option<&LanePlace>,
        limit: u16,
    ) -> Result<Vec<LanePlace>, StoreError> {
        self.waiting_leads(customer, after, limit).await
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
        let content = LeadRow::new(lead, state, due_at);
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
}

/// No lead received at or after `since` has an id below this one. Ids carry a time up to a day earlier.
fn oldest_id(since: Option<Timestamp>) -> LeadId {
    let since = since.and_then(|since| since.checked_sub(LeadId::OLDER_AT_MOST).ok());
    let millis = since.map_or(0, |since| {
        u64::try_from(since.as_millisecond()).unwrap_or(0)
    });
    LeadId::new(Ulid::from_parts(millis, 0))
}
