//! The rows of an import: one for each person who still wants to be on the lists.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::account_facts::DeletedContacts;
use super::{Bulk, Run};
use crate::app::moment::CALL_TAKES;
use crate::domain::connection::{Connection, CustomFieldValues};
use crate::domain::ids::LeadId;
use crate::domain::import::{ImportJob, ImportRow};
use crate::domain::lead::LeadRecord;
use crate::ports::{Clock as _, Imports as _, StoreError, Suppressions as _, Wiring};

/// A person in an import, from all of their leads in it.
struct Row {
    /// When the newest lead came.
    received_at: Timestamp,
    /// What it says.
    import_row: ImportRow,
    /// When they last agreed.
    agreed_at: Timestamp,
    leads: Vec<LeadId>,
}

impl Row {
    fn of(record: LeadRecord, connection: &Connection) -> Self {
        Self {
            import_row: row(&record, connection),
            received_at: record.lead.received_at,
            agreed_at: record.lead.consent.given_at,
            leads: vec![record.lead.id],
        }
    }

    fn add(&mut self, record: LeadRecord, connection: &Connection) {
        self.agreed_at = self.agreed_at.max(record.lead.consent.given_at);
        if self.received_at < record.lead.received_at {
            (self.received_at, self.import_row) =
                (record.lead.received_at, row(&record, connection));
        }
        self.leads.push(record.lead.id);
    }
}

/// The people of an import by the keys of their addresses.
type Rows = BTreeMap<String, Row>;

/// The content of an import, if it is known.
pub(super) enum Content {
    /// These rows, or none.
    Rows(Vec<ImportRow>),
    /// There was no time to read its leads, counted from this instant.
    Unread(Timestamp),
    /// The account does not say at the moment which contacts it has deleted.
    NotNow,
}

impl<W: Wiring> Bulk<W> {
    /// A row for each address, from its newest lead that is still in the import. Constant Contact keeps people who left
    /// off its lists, but would bring back a deleted contact: leads of those go back, to be refused. Leads are read
    /// last, so that nobody is imported who was erased while the account was asked.
    pub(super) async fn rows(
        &self,
        job: &ImportJob,
        connection: &Connection,
        run: &mut Run<'_>,
    ) -> Result<Content, StoreError> {
        let Some(since) = job.agreed_since else {
            return Ok(Content::Rows(vec![]));
        };
        let read = self.load_deleted(run, &job.customer, since);
        match read.await? {
            DeletedContacts::Read => {}
            DeletedContacts::NotNow => return Ok(Content::NotNow),
            DeletedContacts::Unavailable => return Ok(Content::Rows(vec![])),
        }
        let (began, horizon) = (self.keeper.clock.now(), run.deadline - CALL_TAKES);
        let Some(mut rows) = self.read_rows(job, connection, horizon).await? else {
            return Ok(Content::Unread(began));
        };
        let is_gone = |address: &String, row: &mut Row| {
            let deleted = run.facts.deleted_at(address);
            deleted.is_some_and(|at| at > row.agreed_at)
        };
        let gone = rows.extract_if(.., is_gone);
        let gone: Vec<_> = gone.flat_map(|(_, row)| row.leads).collect();
        self.send_back(job, &gone).await?;
        let rows = rows.into_values().map(|row| row.import_row);
        Ok(Content::Rows(rows.collect()))
    }

    async fn read_rows(
        &self,
        job: &ImportJob,
        connection: &Connection,
        horizon: Timestamp,
    ) -> Result<Option<Rows>, StoreError> {
        let mut rows = Rows::new();
        for number in 0..job.chunks {
            if self.keeper.clock.now() >= horizon {
                return Ok(None);
            }
            let leads = self.ledger.chunk(&job.id, number).await?;
            let taken = self.still_in(job, &leads).await?;
            for record in self.wanted(job, taken).await? {
                match rows.entry(record.lead.contact.email.key()) {
                    Entry::Vacant(free) => {
                        free.insert(Row::of(record, connection));
                    }
                    Entry::Occupied(known) => known.into_mut().add(record, connection),
                }
            }
        }
        Ok(Some(rows))
    }

    /// Those of the leads whose people the customer wants mailed and whose consent is as it was sealed and not too old,
    /// which may have changed since they were gathered. The others go back, to be refused.
    async fn wanted(
        &self,
        job: &ImportJob,
        records: Vec<LeadRecord>,
    ) -> Result<Vec<LeadRecord>, StoreError> {
        let person = |record: &LeadRecord| record.lead.person(&self.keys);
        let people: BTreeSet<_> = records.iter().map(person).collect();
        let unwanted = self.directory.suppressed(&job.customer, &people).await?;
        let now = self.keeper.clock.now();
        let (rejected, wanted): (Vec<_>, _) = records.into_iter().partition(|record| {
            let lead = &record.lead;
            let is_good = lead.is_sealed(&self.keys) && !lead.consent.is_too_old(now);
            !is_good || unwanted.contains(&person(record))
        });
        if !rejected.is_empty() {
            let rejected: Vec<_> = rejected.into_iter().map(|record| record.lead.id).collect();
            self.send_back(job, &rejected).await?;
        }
        Ok(wanted)
    }
}

/// A lead as a row.
pub(super) fn row(record: &LeadRecord, connection: &Connection) -> ImportRow {
    let contact = record.lead.contact.for_remote().0;
    let said = CustomFieldValues::of(&contact, &connection.catalog.custom_fields).fields;
    let names: BTreeMap<_, _> = said
        .into_iter()
        .map(|(field, label, _)| (label.to_owned(), field.name.clone()))
        .collect();
    ImportRow::new(contact, |label| names.get(label).cloned())
}
