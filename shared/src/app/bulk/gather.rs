//! Gathering: finding what the budget cannot carry, and taking it into imports.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join_all, try_join_all};
use jiff::{SignedDuration, Timestamp};

use super::rows::row;
use super::settle::AT_ONCE;
use super::{Bulk, Imported};
use crate::app::first_error::FirstError;
use crate::domain::connection::Connection;
use crate::domain::customer::BulkImport;
use crate::domain::form::Form;
use crate::domain::ids::{AppId, CustomerId, FormId, ImportId, LeadId, RemoteId};
use crate::domain::import::{ImportJob, MAX_ROWS, MIN_ROWS, Stage, import_accepts_phone};
use crate::domain::lead::LeadRecord;
use crate::domain::lead::actions::can_import;
use crate::ports::{
    Apps as _, Clock as _, Connections as _, Customers as _, Forms as _, Imports as _, LanePlace,
    Lanes as _, Ledger as _, SecureRandom as _, StoreError, Wiring,
};

/// The most customers looked at in one run.
const MAX_LANES: u16 = 200;

/// Leads looked at and named at a time.
const CHUNK: u16 = 1_000;

/// How many chunks in a row without a lead to take end the search of a lane: those of an import that gave back all of
/// its leads, and one more.
const MAX_EMPTY_CHUNKS: usize = MAX_ROWS / CHUNK as usize + 1;

/// The imports that a customer's leads go into, by their lists.
type Jobs = BTreeMap<Vec<RemoteId>, ImportJob>;

/// The forms looked at.
type Forms = BTreeMap<FormId, Option<Form>>;

/// Leads of one chunk for one set of lists, with the bytes of their rows.
type Named = BTreeMap<Vec<RemoteId>, Vec<(LeadRecord, usize)>>;

impl<W: Wiring> Bulk<W> {
    /// Gathers the leads of every customer for whom more waits than its share of a day, as far as there is time.
    pub(super) async fn gather(
        &self,
        deadline: Timestamp,
        done: &mut Imported,
    ) -> Result<(), StoreError> {
        let (mut over, mut errors) = (BTreeSet::new(), FirstError::default());
        for (customer, connection) in self.over_budget(&mut errors).await? {
            if self.keeper.clock.now() < deadline {
                let gathered = self.gather_lane(&customer, &connection, deadline, done);
                errors.log(&customer, gathered.await);
            }
            over.insert(customer);
        }
        let now = self.keeper.clock.now();
        for (customer, id) in self.ledger.due_imports(now, MAX_LANES).await? {
            if !over.contains(&customer) {
                let ended = self.end_gathering(&customer, &id).await;
                errors.log(&customer, ended);
            }
        }
        errors.end(())
    }

    /// Ends the gathering of an import whose customer is no longer over the budget.
    async fn end_gathering(&self, customer: &CustomerId, id: &ImportId) -> Result<(), StoreError> {
        match self.due_import(customer, id).await? {
            Some(job) if job.stage == Stage::Gathering => self.mark_ready_or_give_up(&job).await,
            _ => Ok(()),
        }
    }

    /// Customers that agreed to imports, whose account asks for no confirmation, and for whom more waits than a day of
    /// their application can carry, shared among all who wait.
    async fn over_budget(
        &self,
        errors: &mut FirstError,
    ) -> Result<Vec<(CustomerId, Connection)>, StoreError> {
        let now = self.keeper.clock.now();
        let mut connections = Vec::new();
        for chunk in self
            .ledger
            .due_lanes(now, None, MAX_LANES)
            .await?
            .chunks(AT_ONCE)
        {
            let rows = chunk.iter().map(|(id, _)| self.directory.connection(id));
            for ((id, _), row) in chunk.iter().zip(join_all(rows).await) {
                let row = errors.log(id, row).flatten();
                let usable = row.filter(|row| row.lists_for(&[]).is_ok());
                connections.extend(usable.map(|row| (id.clone(), row)));
            }
        }
        if !connections.iter().any(|(_, it)| it.allows_imports(now)) {
            return Ok(vec![]);
        }
        let mut sharing: BTreeMap<AppId, usize> = BTreeMap::new();
        for chunk in connections.chunks(AT_ONCE) {
            // A lane that was emptied stays marked for a while.
            let waits = chunk.iter().map(|(id, _)| self.ledger.backlog(id, 1));
            for ((id, connection), waits) in chunk.iter().zip(join_all(waits).await) {
                let waits = errors.log(id, waits).unwrap_or(0);
                *sharing.entry(connection.app.clone()).or_default() += waits;
            }
        }
        let mut over = Vec::new();
        for (id, connection) in connections {
            if !connection.allows_imports(now) {
                continue;
            }
            let sharing = sharing.get(&connection.app).copied().unwrap_or(1);
            let is_over = self.is_over(&id, &connection.app, sharing).await;
            if errors.log(&id, is_over) == Some(true) {
                over.push((id, connection));
            }
        }
        Ok(over)
    }

    /// Whether a customer agreed to imports and more waits for it than its share of its application's day.
    async fn is_over(
        &self,
        id: &CustomerId,
        app: &AppId,
        sharing: usize,
    ) -> Result<bool, StoreError> {
        let limits = self.keeper.apps.limits(app).await?;
        let share = usize::try_from(limits.per_day).unwrap_or(usize::MAX) / sharing.max(1);
        let agreed = self.has_agreed(id).await?;
        Ok(agreed && self.ledger.backlog(id, share + 1).await? > share)
    }

    pub(super) async fn has_agreed(&self, id: &CustomerId) -> Result<bool, StoreError> {
        let customer = self.directory.customer(id).await?;
        Ok(customer.is_some_and(|customer| customer.bulk_import == BulkImport::WhenOverBudget))
    }

    /// Gathers a lane, which is not released while the next run may take more of it. A lane that was searched to its
    /// end, or gave nothing, is released: what is left of it goes by no import.
    async fn gather_lane(
        &self,
        customer: &CustomerId,
        connection: &Connection,
        deadline: Timestamp,
        done: &mut Imported,
    ) -> Result<(), StoreError> {
        let mut jobs = self.gathering(customer).await?;
        let (mut forms, mut place) = (Forms::new(), None::<LanePlace>);
        let (before, mut empty_chunks) = (done.taken, 0);
        let goes_on = loop {
            if self.keeper.clock.now() >= deadline {
                break done.taken > before;
            }
            let lane = self.ledger.waiting(customer, place.as_ref(), CHUNK).await?;
            let Some(last) = lane.last().cloned() else {
                break false;
            };
            place = Some(last);
            let leads: Vec<_> = lane.into_iter().map(|(lead, _)| lead).collect();
            let taken = self.take_some(connection, &mut jobs, &mut forms, &leads);
            let taken = taken.await?;
            done.taken += taken;
            empty_chunks = if taken == 0 { empty_chunks + 1 } else { 0 };
            if empty_chunks == MAX_EMPTY_CHUNKS {
                break false;
            }
        };
        if goes_on {
            done.gathering.insert(customer.clone());
            return Ok(());
        }
        for job in jobs.values() {
            self.mark_ready_or_give_up(job).await?;
        }
        Ok(())
    }

    /// The customer's imports that still take leads, held by this run.
    async fn gathering(&self, customer: &CustomerId) -> Result<Jobs, StoreError> {
        let mut jobs = Jobs::new();
        for job in self.ledger.imports_of(customer).await? {
            if job.stage == Stage::Gathering
                && let Some(job) = self.hold(&job).await?
            {
                jobs.insert(job.lists.clone(), job);
            }
        }
        Ok(jobs)
    }

    /// Takes those of the leads that an import may take; returns how many.
    async fn take_some(
        &self,
        connection: &Connection,
        jobs: &mut Jobs,
        forms: &mut Forms,
        leads: &[LeadId],
    ) -> Result<usize, StoreError> {
        let customer = &connection.customer;
        let records = self.ledger.records(customer, leads).await?;
        let mut taken = 0;
        for (lists, leads) in self.sort(records, connection, forms).await? {
            taken += self.take(customer, jobs, lists, leads).await?;
        }
        Ok(taken)
    }

    /// Leads that an import may take, by the lists they join.
    async fn sort(
        &self,
        records: Vec<LeadRecord>,
        connection: &Connection,
        forms: &mut Forms,
    ) -> Result<Named, StoreError> {
        let mut named = Named::new();
        let now = self.keeper.clock.now();
        for record in records
            .into_iter()
            .filter(|record| self.is_importable(record))
        {
            if connection.may_have_new_field_for(&record.lead.contact, now) {
                continue; // one sent singly shows whether there is such a field
            }
            let form = match forms.entry(record.lead.form.clone()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.directory.form(&record.lead.form).await?),
            };
            let own = form.as_ref().map_or(&[][..], |form| &form.lists);
            if let Ok(mut lists) = connection.lists_for(own) {
                lists.sort_unstable();
                let bytes = row(&record, connection).bytes();
                named.entry(lists).or_default().push((record, bytes));
            }
        }
        Ok(named)
    }

    /// Whether a lead may go by import: it waits, nothing is known of an earlier call for it, imports accept its
    /// address and its phone number, and its consent is as it was sealed and not too old.
    fn is_importable(&self, record: &LeadRecord) -> bool {
        let lead = &record.lead;
        let mut lines = record.timeline.iter();
        can_import(record)
            && lead.contact.email.fits_sign_up()
            && import_accepts_phone(&lead.contact.for_remote().0.phone_number)
            && !lines.any(|line| line.state.may_be_in_account())
            && lead.is_sealed(&self.keys)
            && !lead.consent.is_too_old(self.keeper.clock.now())
    }

    /// Names leads in an import and takes them out of their lane; returns how many.
    async fn take(
        &self,
        customer: &CustomerId,
        jobs: &mut Jobs,
        lists: Vec<RemoteId>,
        mut leads: Vec<(LeadRecord, usize)>,
    ) -> Result<usize, StoreError> {
        let mut taken = 0;
        while !leads.is_empty() {
            let now = self.keeper.clock.now();
            let job = match jobs.remove(&lists) {
                Some(job) => job,
                None => {
                    let id = ImportId::at(now, self.keeper.random.number());
                    let job = ImportJob::new(id, customer.clone(), lists.clone(), now);
                    if !self.ledger.save_import(&job, None).await? {
                        return Ok(taken);
                    }
                    job
                }
            };
            let mut next = job.next(Stage::Gathering, Some(now + super::HELD_FOR));
            let mut fitting = 0;
            while let Some((_, bytes)) = leads.get(fitting).filter(|(_, b)| next.has_room(*b)) {
                (next.leads, next.bytes) = (next.leads + 1, next.bytes + bytes);
                fitting += 1;
            }
            if fitting == 0 {
                self.mark_ready_or_give_up(&job).await?;
                continue;
            }
            let rest = leads.split_off(fitting);
            let agreed = leads.iter().map(|(it, _)| it.lead.consent.given_at);
            next.agreed_since = match (job.chunks, job.agreed_since) {
                (1.., None) => None, // an earlier version named the others, so their age is unknown
                (_, known) => agreed.chain(known).min(),
            };
            let ids: Vec<LeadId> = leads
                .iter()
                .map(|(record, _)| record.lead.id.clone())
                .collect();
            next.chunks += 1;
            if !self.ledger.save_import(&next, Some(&ids)).await? {
                return Ok(taken);
            }
            taken += self.take_named(&next, &leads, now).await?;
            leads = rest;
            jobs.insert(lists.clone(), next);
        }
        Ok(taken)
    }

    async fn take_named(
        &self,
        job: &ImportJob,
        leads: &[(LeadRecord, usize)],
        at: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut taken = 0;
        for leads in leads.chunks(AT_ONCE) {
            let writes = leads.iter().map(|(record, _)| {
                self.ledger
                    .take(&job.customer, &record.lead.id, &job.id, at)
            });
            for ((record, _), did) in leads.iter().zip(try_join_all(writes).await?) {
                if did {
                    self.tallies.entered_import(record);
                    taken += 1;
                }
            }
        }
        Ok(taken)
    }

    /// The import takes no more leads: it is submitted, or not worthwhile.
    async fn mark_ready_or_give_up(&self, job: &ImportJob) -> Result<(), StoreError> {
        if job.leads < MIN_ROWS {
            return self.give_up(job).await;
        }
        self.enter(job, Stage::Ready, SignedDuration::ZERO).await
    }
}
