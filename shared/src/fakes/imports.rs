use jiff::Timestamp;

use super::ledger::MemoryLedger;
use super::ledger_rows::{Rows, enter_state, key};
use crate::domain::ids::{CustomerId, ImportId, LeadId};
use crate::domain::import::ImportJob;
use crate::domain::lead::actions::can_import;
use crate::domain::lead::{LeadRecord, LeadState, WaitReason};
use crate::ports::{Imports, Settlement, StoreError};

pub(super) const IMPORT: LeadState = LeadState::waiting(WaitReason::Import);

impl Imports for MemoryLedger {
    async fn save_import(
        &self,
        job: &ImportJob,
        chunk: Option<&[LeadId]>,
    ) -> Result<bool, StoreError> {
        let save = |rows: &mut Rows| {
            let stored = rows.imports.get(&job.id);
            let revision = stored.map_or(0, |(job, _)| job.revision);
            if revision + 1 != job.revision {
                return stored.is_some_and(|(stored, _)| stored == job);
            }
            let mut chunks = stored.map(|(_, chunks)| chunks.clone()).unwrap_or_default();
            chunks.extend(chunk.map(<[LeadId]>::to_vec));
            rows.imports.insert(job.id.clone(), (job.clone(), chunks));
            true
        };
        self.0.step(save).await
    }

    async fn due_imports(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<(CustomerId, ImportId)>, StoreError> {
        let due = |rows: &mut Rows| {
            let jobs = rows.imports.values().map(|(job, _)| job);
            let due = jobs.filter(|job| job.due_at.is_some_and(|due| due <= now));
            let mut due: Vec<_> = due.collect();
            due.sort_by_key(|job| job.due_at);
            let keys = due.into_iter().take(limit.into());
            keys.map(|job| (job.customer.clone(), job.id.clone()))
                .collect()
        };
        self.0.step(due).await
    }

    async fn import_of(
        &self,
        customer: &CustomerId,
        import: &ImportId,
    ) -> Result<Option<ImportJob>, StoreError> {
        let read = |rows: &mut Rows| {
            let job = rows.imports.get(import).map(|(job, _)| job);
            job.filter(|job| job.customer == *customer).cloned()
        };
        self.0.step(read).await
    }

    async fn imports_of(&self, customer: &CustomerId) -> Result<Vec<ImportJob>, StoreError> {
        let list = |rows: &mut Rows| {
            let jobs = rows.imports.values().map(|(job, _)| job);
            let own = jobs.filter(|job| job.customer == *customer);
            own.cloned().collect()
        };
        self.0.step(list).await
    }

    async fn chunk(&self, import: &ImportId, number: u32) -> Result<Vec<LeadId>, StoreError> {
        let read = |rows: &mut Rows| {
            let chunks = rows.imports.get(import).map(|(_, chunks)| chunks);
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            chunks
                .and_then(|chunks| chunks.get(index).cloned())
                .unwrap_or_default()
        };
        self.0.step(read).await
    }

    async fn take(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        import: &ImportId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let take = |rows: &mut Rows| {
            let key = key(customer, lead);
            if let Some((other, since)) = rows.taken.get(&key) {
                return other == import && *since == at;
            }
            let taken = rows.change_if(customer, lead, can_import, |record| {
                enter_state(record, IMPORT, at, None);
                record.imported_by = Some(import.clone());
            });
            if taken {
                rows.taken.insert(key, (import.clone(), at));
            }
            taken
        };
        self.0.step(take).await
    }

    async fn leave(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        import: &ImportId,
        taken_by: Option<Timestamp>,
        settlement: &Settlement,
    ) -> Result<bool, StoreError> {
        let leave = |rows: &mut Rows| {
            let key = key(customer, lead);
            let taken = rows.taken.get(&key).is_some_and(|(own, since)| {
                own == import && taken_by.is_none_or(|taken_by| *since <= taken_by)
            });
            let in_import = |record: &LeadRecord| taken && record.state == IMPORT;
            let left = rows.change_if(customer, lead, in_import, |record| {
                let state = settlement.state.clone();
                enter_state(record, state, settlement.at, settlement.due_at);
            });
            if left {
                rows.keep_until(key, settlement.expires_at);
            }
            left
        };
        self.0.step(leave).await
    }
}
