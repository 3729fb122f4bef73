use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use jiff::civil::Date;

use super::keys;
use super::lead_row::{LeadRow, readable, record, status};
use super::table::{BATCH, Table, Write, millis, read, row, seconds, text};
use crate::adapters::sdk_error::failed;
use crate::domain::email::EmailAddress;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{Lead, LeadRecord, LeadState, QuarantineReason, TimelineEntry};
use crate::domain::tally::{Counts, add, counted};
use crate::ports::{LeadFilter, Ledger, Page, Recorded, StoreError};

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

    async fn quarantine(
        &self,
        lead: &Lead,
        why: QuarantineReason,
        expires_at: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let state = LeadState::Quarantined { why };
        self.insert(lead, &state, lead.received_at, Some(expires_at))
            .await
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

    async fn records(
        &self,
        customer: &CustomerId,
        leads: &[LeadId],
    ) -> Result<Vec<LeadRecord>, StoreError> {
        // An index that changes may list a lead twice; DynamoDB refuses a batch that asks for it twice.
        let leads: Vec<_> = BTreeSet::from_iter(leads).into_iter().collect();
        let mut records = Vec::with_capacity(leads.len());
        for batch in leads.chunks(BATCH) {
            let keys: Vec<_> = batch
                .iter()
                .map(|lead| keys::lead(customer, lead).into_item())
                .collect();
            records.extend(readable(self.table.batch_get(keys).await?));
        }
        Ok(records)
    }

    async fn leads(
        &self,
        customer: &CustomerId,
        filter: &LeadFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<LeadRecord>, StoreError> {
        let oldest = oldest_id(filter.since);
        let Ok(before) = cursor.map(str::parse::<LeadId>).transpose() else {
            return Ok(Page::none()); // we never issued this cursor
        };
        if before.as_ref().is_some_and(|before| *before <= oldest) {
            return Ok(Page::none());
        }
        let mut request = self
            .table
            .query()
            .key_condition_expression("pk = :pk AND sk BETWEEN :oldest AND :newest")
            .expression_attribute_values(":pk", text(keys::of_customer(customer)))
            .expression_attribute_values(":oldest", text(oldest.as_str()))
            .expression_attribute_values(":newest", text(keys::AFTER_LEADS))
            .set_exclusive_start_key(before.map(|before| keys::lead(customer, &before).into_item()))
            .scan_index_forward(false)
            .limit(i32::from(limit));
        let mut fits = Vec::new();
        if let Some(wanted) = filter.status {
            fits.push("#state.#status = :status");
            request = request
                .expression_attribute_names("#state", "state")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":status", status(wanted));
        }
        if let Some(since) = filter.since {
            fits.push("received_at >= :since");
            request = request.expression_attribute_values(":since", millis(since));
        }
        let fits = (!fits.is_empty()).then(|| fits.join(" AND "));
        let answer = request.set_filter_expression(fits).send().await;
        let answer = answer.map_err(failed("Query"))?;
        Ok(Page {
            items: readable(answer.items.unwrap_or_default()).collect(),
            next: answer
                .last_evaluated_key
                .as_ref()
                .and_then(keys::lead_of)
                .map(String::from),
        })
    }

    async fn leads_of(
        &self,
        customer: &CustomerId,
        email: &EmailAddress,
        most: usize,
    ) -> Result<Vec<LeadId>, StoreError> {
        let query = self
            .table
            .query()
            .index_name("by_person")
            .key_condition_expression("person = :person")
            .expression_attribute_values(":person", text(keys::person(customer, email)));
        let rows = self.table.some(query, most).await?;
        Ok(rows.iter().filter_map(keys::lead_of).collect())
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

    /// Reads only the timelines of a day's leads.
    async fn count(&self, customer: &CustomerId, day: Date) -> Result<Counts, StoreError> {
        #[derive(serde::Deserialize)]
        struct Row {
            #[serde(default)]
            timeline: Vec<TimelineEntry>,
            exported_at: Option<Timestamp>,
        }
        let (first, last) = LeadId::of_day(day);
        let query = self
            .table
            .query()
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(keys::of_customer(customer)))
            .expression_attribute_values(":first", text(first.as_str()))
            .expression_attribute_values(":last", text(last.as_str()))
            .projection_expression("pk, sk, timeline, exported_at")
            .consistent_read(true);
        let mut rows = query.into_paginator().items().send(); // more rows than the function may hold at once
        let mut counts = Counts::new();
        while let Some(row) = rows.next().await {
            let row: Row = read(row.map_err(failed("Query"))?)?;
            if let Some(label) = counted(&row.timeline, row.exported_at.is_some()) {
                add(&mut counts, label, 1);
            }
        }
        Ok(counts)
    }
}

impl DynamoLedger {
    /// Inserts a lead's row, unless there is one.
    async fn insert(
        &self,
        lead: &Lead,
        state: &LeadState,
        due_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> Result<Recorded, StoreError> {
        let content = LeadRow::new(lead, state, due_at);
        let mut row = row(keys::lead(&lead.customer, &lead.id), &content)?;
        let person = keys::person(&lead.customer, &lead.contact.email);
        row.insert("person".into(), text(person));
        row.extend(expires_at.map(|end| ("expires_at".to_owned(), seconds(end))));
        match self
            .table
            .put_if(row, "attribute_not_exists(pk)", vec![])
            .await?
        {
            Write::Applied(_) => Ok(Recorded::New),
            Write::Rejected(item) => Ok(Recorded::Already(record(item.unwrap_or_default())?)),
        }
    }
}

/// No lead received at or after `since` has an id below this one. An id's time may be up to a day earlier.
fn oldest_id(since: Option<Timestamp>) -> LeadId {
    let since = since.and_then(|since| since.checked_sub(LeadId::OLDER_AT_MOST).ok());
    LeadId::at(since.unwrap_or_default(), 0)
}
