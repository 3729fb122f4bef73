use jiff::Timestamp;

use super::ledger::MemoryLedger;
use super::ledger_rows::{Rows, key};
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::actions;
use crate::domain::lead::{Lead, LeadRecord, LeadState};
use crate::ports::{Exits, StoreError};

impl Exits for MemoryLedger {
    async fn export(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let fits = |record: &LeadRecord| {
            record.exported_at.is_none_or(|known| known == at) && actions::can_export(&record.state)
        };
        let export = |rows: &mut Rows| {
            let marked = rows.change_if(customer, lead, fits, |record| {
                (record.exported_at, record.due_at) = (Some(at), None);
            });
            if marked {
                rows.kept_until.insert(key(customer, lead), expires_at);
            }
            marked
        };
        self.0.step(export).await
    }

    async fn erase(
        &self,
        blank: &Lead,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let not_erased = |record: &LeadRecord| record.state != LeadState::Erased;
        let erase = |rows: &mut Rows| {
            let erased = rows.change_if(&blank.customer, &blank.id, not_erased, |record| {
                record.lead = blank.clone();
                record.exported_at = None;
                record.timeline = actions::erased_timeline(blank, at);
                (record.state, record.due_at) = (LeadState::Erased, None);
            });
            if erased {
                let key = key(&blank.customer, &blank.id);
                rows.kept_until.insert(key, expires_at);
            }
            erased
        };
        self.0.step(erase).await
    }
}
