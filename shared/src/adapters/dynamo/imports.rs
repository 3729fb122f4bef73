//! Imports: each is a row in its customer's partition, with `due_at` in the index `due` while it is open, and beside it
//! rows with the chunks of leads that it names.
//!
//! A lead that was taken keeps the import's id and the moment for good, so that nobody is imported twice. It leaves the
//! index, since the import has it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::keys;
use super::lead_row::{line, status};
use super::ledger::DynamoLedger;
use super::table::{Change, Item, Write, millis, number, read, row, seconds, text, value};
use crate::domain::ids::{CustomerId, ImportId, LeadId};
use crate::domain::import::{ImportJob, Stage};
use crate::domain::lead::{LeadState, LeadStatus, WaitReason};
use crate::ports::{Imports, Settlement, StoreError};

/// How long a closed import is kept: longer than Constant Contact lists its activity.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24 * 14);

/// [`can_import`](crate::domain::lead::actions::can_import) as a DynamoDB condition, for leads never imported.
const TAKEABLE: &str = "attribute_not_exists(imported_by) AND attribute_not_exists(exported_at) \
     AND #state.#status = :waiting AND NOT #state.#why IN (:import, :answer_lost)";

#[derive(Serialize, Deserialize)]
struct Chunk {
    leads: Vec<LeadId>,
}

impl Imports for DynamoLedger {
    async fn save_import(
        &self,
        job: &ImportJob,
        chunk: Option<&[LeadId]>,
    ) -> Result<bool, StoreError> {
        let mut item = row(keys::import(&job.customer, &job.id), job)?;
        item.remove("due_at");
        if let Some(due_at) = job.due_at {
            item.insert("due_at".into(), millis(due_at));
            item.insert("due_shard".into(), text(keys::IMPORTS));
        }
        if job.stage == Stage::Closed {
            item.insert("expires_at".into(), number(expires_at(job, KEPT_FOR)));
        }
        let before = number(job.revision - 1);
        let (when, values) = match job.revision {
            1 => ("attribute_not_exists(pk)", vec![]),
            _ => ("revision = :before", vec![(":before", before)]),
        };
        let done = match chunk {
            Some(leads) => {
                let chunk = chunk_row(job, leads)?;
                self.table.put_if_with(chunk, item, when, values).await
            }
            None => self.table.put_if(item, when, values).await,
        };
        match done? {
            Write::Applied(_) => Ok(true),
            Write::Rejected(None) => Ok(false),
            Write::Rejected(Some(item)) => Ok(import(item)? == *job),
        }
    }

    async fn due_imports(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<(CustomerId, ImportId)>, StoreError> {
        let due = self
            .due(keys::IMPORTS, now.as_millisecond(), limit, None)
            .await?;
        Ok(due.iter().filter_map(keys::import_of).collect())
    }

    async fn import_of(
        &self,
        customer: &CustomerId,
        id: &ImportId,
    ) -> Result<Option<ImportJob>, StoreError> {
        let item = self.table.get(keys::import(customer, id)).await?;
        item.map(import).transpose()
    }

    async fn imports_of(&self, customer: &CustomerId) -> Result<Vec<ImportJob>, StoreError> {
        let query = self
            .table
            .query()
            .key_condition_expression("pk = :pk AND begins_with(sk, :imports)")
            .expression_attribute_values(":pk", text(keys::of_customer(customer)))
            .expression_attribute_values(":imports", text(keys::IMPORT))
            .consistent_read(true);
        let rows = self.table.all(query).await?;
        rows.into_iter().map(import).collect()
    }

    async fn chunk(&self, id: &ImportId, number: u32) -> Result<Vec<LeadId>, StoreError> {
        let item = self.table.get(keys::import_chunk(id, number)).await?;
        let chunk: Option<Chunk> = item.map(read).transpose()?;
        Ok(chunk.map(|chunk| chunk.leads).unwrap_or_default())
    }

    async fn take(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        import: &ImportId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let state = LeadState::waiting(WaitReason::Import);
        let change = Change {
            set: "SET #state = :state, imported_by = :by, imported_at = :at, \
                  timeline = list_append(if_not_exists(timeline, :none), :line) \
                  REMOVE due_at, due_shard",
            when: Some(TAKEABLE),
            values: vec![
                (":state", value(&state)?),
                (":by", text(import.as_str())),
                (":at", millis(at)),
                (":none", AttributeValue::L(Vec::new())),
                (":line", line(at, &state)?),
                (":waiting", status(LeadStatus::Waiting)),
                (":import", text(WaitReason::Import.as_str())),
                (":answer_lost", text(WaitReason::AnswerLost.as_str())),
            ],
        };
        let key = keys::lead(customer, lead);
        match self.table.update(key, change).await? {
            Write::Applied(_) => Ok(true),
            Write::Rejected(item) => Ok(item.is_some_and(|item| {
                item.get("imported_by") == Some(&text(import.as_str()))
                    && item.get("imported_at") == Some(&millis(at))
            })),
        }
    }

    async fn leave(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        import: &ImportId,
        taken_by: Option<Timestamp>,
        settlement: &Settlement,
    ) -> Result<bool, StoreError> {
        let mut values = vec![
            (":state", value(&settlement.state)?),
            (":line", line(settlement.at, &settlement.state)?),
            (":waiting", status(LeadStatus::Waiting)),
            (":import", text(WaitReason::Import.as_str())),
            (":by", text(import.as_str())),
        ];
        let mut set = "SET #state = :state, timeline = list_append(timeline, :line)".to_owned();
        if let Some(due_at) = settlement.due_at {
            set.push_str(", due_at = :due, due_shard = :shard");
            values.push((":due", millis(due_at)));
            values.push((":shard", text(keys::lane_shard(customer))));
        }
        if let Some(end) = settlement.expires_at {
            set.push_str(", expires_at = :expires");
            values.push((":expires", seconds(end)));
        }
        let mut when =
            "#state.#status = :waiting AND #state.#why = :import AND imported_by = :by".to_owned();
        if let Some(taken_by) = taken_by {
            when.push_str(" AND imported_at <= :taken_by");
            values.push((":taken_by", millis(taken_by)));
        }
        let change = Change {
            set: &set,
            when: Some(&when),
            values,
        };
        let key = keys::lead(customer, lead);
        Ok(self.table.update(key, change).await?.is_applied())
    }
}

/// The last chunk of an import. It expires long after the import is closed.
fn chunk_row(job: &ImportJob, leads: &[LeadId]) -> Result<Item, StoreError> {
    let key = keys::import_chunk(&job.id, job.chunks.saturating_sub(1));
    let leads = leads.to_vec();
    let mut item = row(key, &Chunk { leads })?;
    item.insert("expires_at".into(), number(expires_at(job, KEPT_FOR * 10)));
    Ok(item)
}

/// Reads an import's row. `due_at` is stored in milliseconds, as the index compares it.
fn import(mut item: HashMap<String, AttributeValue>) -> Result<ImportJob, StoreError> {
    let due_at = super::lanes::due_at(&item);
    item.remove("due_at");
    let job: ImportJob = read(item)?;
    Ok(ImportJob {
        due_at: due_at.and_then(|at| Timestamp::from_millisecond(at).ok()),
        ..job
    })
}

/// When a row that is no longer needed expires, counted from when the import was made, which its id says.
fn expires_at(job: &ImportJob, after: SignedDuration) -> i64 {
    job.id.made_at().as_second() + after.as_secs()
}
