//! Giving every lead of an import its outcome.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};

use super::submit::{LISTED_FOR, SKEW, is_in};
use super::{AskError, Bulk, HELD_FOR, PAUSE, Run, after_failed_read, nothing_went_in, settling};
use crate::app::moment::CALL_TAKES;
use crate::app::requeue::LISTED_WITHIN;
use crate::domain::connection::{CustomField, CustomFieldValues};
use crate::domain::contact::Note;
use crate::domain::crm::CrmError;
use crate::domain::customer::kept_for;
use crate::domain::ids::LeadId;
use crate::domain::import::{Ending, ImportJob, MAX_TRIES, Stage};
use crate::domain::lead::{
    DeliveryAction, LeadRecord, LeadState, OptOutCheck, Permission, WaitReason,
};
use crate::ports::{
    BulkImports as _, Clock as _, Connections as _, Customers as _, Imports as _, Lanes as _,
    Ledger as _, Settlement, StoreError, Wiring,
};

/// Leads written at a time.
pub(super) const AT_ONCE: usize = 32;

/// How often an import is tried in all: its submission, and reading its leads again after trouble.
const MAX_TRIES_IN_ALL: u32 = 2 * MAX_TRIES;

/// A lead that is still in an import.
struct LeadInImport {
    id: LeadId,
    /// Its address's key.
    address: String,
    /// What its row left out.
    notes: Vec<Note>,
}

impl LeadInImport {
    fn of(record: LeadRecord, fields: &[CustomField]) -> Self {
        let contact = record.lead.contact.for_remote().0;
        Self {
            address: contact.email.key(),
            notes: CustomFieldValues::of(&contact, fields).notes,
            id: record.lead.id,
        }
    }
}

impl<W: Wiring> Bulk<W> {
    /// An import that has put its rows on a list, as far as anybody can tell; `None` if it has not, or nobody could
    /// look now. If its lists are all gone, it puts nobody on a list and yet reports no error.
    pub(super) async fn check_lists(
        &self,
        job: ImportJob,
        since: Timestamp,
        run: &mut Run<'_>,
    ) -> Result<Option<ImportJob>, StoreError> {
        let now = self.keeper.clock.now();
        if job.has_list || job.stage == nothing_went_in(since) {
            return Ok(Some(job));
        }
        let has_list = match self.has_list(run, &job).await? {
            None if now.duration_since(since) > LISTED_FOR => true,
            None => {
                self.stay(&job).await?;
                return Ok(None);
            }
            Some(has_list) => has_list,
        };
        if !has_list {
            tracing::warn!(import.id = %job.id, customer.id = %job.customer, "the lists of an import are gone");
            let at_once = SignedDuration::ZERO;
            self.enter(&job, nothing_went_in(since), at_once).await?;
            return Ok(None);
        }
        let next = job.next(job.stage.clone(), Some(now + HELD_FOR));
        let next = ImportJob { has_list, ..next };
        let saved = self.ledger.save_import(&next, None).await?;
        Ok(saved.then_some(next))
    }

    /// Gives the leads of an import one outcome, as far as there is time, and closes it once all have one. A lead that
    /// has left already is not touched again, so this may be repeated at any time. An earlier run may have died with
    /// what it had counted, so every day of these leads is counted again.
    pub(super) async fn settle(
        &self,
        job: ImportJob,
        ending: Ending,
        since: Timestamp,
        run: &mut Run<'_>,
    ) -> Result<(), StoreError> {
        let fields = self.fields(&job).await?;
        for number in 0..job.chunks {
            if self.keeper.clock.now() >= run.deadline {
                let again = SignedDuration::ZERO;
                return self.enter(&job, job.stage.clone(), again).await;
            }
            let leads = self.ledger.chunk(&job.id, number).await?;
            for lead in &leads {
                self.tallies.doubt(&job.customer, lead);
            }
            let mut rest = self.inside(&job, &leads, &fields).await?;
            if ending == Ending::All {
                let delivered = self.settle_delivered(&job, &rest, since).await?;
                run.done.delivered += delivered.len();
                rest.retain(|lead| !delivered.contains(&lead.id));
            }
            // Leads still in it did not go in, or were taken after the call.
            let rest: Vec<_> = rest.into_iter().map(|lead| lead.id).collect();
            run.done.back += self.send_back(&job, &rest).await?;
        }
        let now = self.keeper.clock.now();
        self.tallies.write(&self.directory, now).await;
        self.enter(&job, Stage::Closed, SignedDuration::ZERO).await
    }

    /// After an import with errors: asks which contacts have changed since the call, page by page, and delivers their
    /// leads. The place is stored, since an import may have more pages than a run has calls. The others go back, and so
    /// do all if the account does not say, or there is never time to read them: each is then checked singly.
    pub(super) async fn sort_out(
        &self,
        mut job: ImportJob,
        since: Timestamp,
        mut cursor: Option<String>,
        run: &mut Run<'_>,
    ) -> Result<(), StoreError> {
        let (began, horizon) = (self.keeper.clock.now(), run.deadline - CALL_TAKES);
        let is_over = began.duration_since(since) > LISTED_FOR;
        if !is_over && !self.may_ask(&job.customer, run.deadline).await? {
            return self.stay(&job).await;
        }
        let Some(mut inside) = self.by_address(&job, horizon).await? else {
            let job = after_failed_read(job, began, horizon);
            let stage = match job.tries {
                MAX_TRIES_IN_ALL.. => nothing_went_in(since),
                _ => job.stage.clone(),
            };
            return self.enter(&job, stage, PAUSE).await;
        };
        loop {
            let (crm, from) = (&self.crm, cursor.as_deref());
            let page = async |token| crm.changed_since(&token, since - SKEW, from).await;
            let page = match self.ask(&job.customer, run.deadline, page).await {
                Ok(page) => page,
                Err(AskError::Store(error)) => return Err(error),
                // The account no longer knows this place.
                Err(AskError::Crm(CrmError::Invalid(_) | CrmError::NotFound(_)))
                    if cursor.is_some() =>
                {
                    let stage = settling(Ending::Some, since, None);
                    return self.enter(&job, stage, PAUSE).await;
                }
                Err(AskError::Crm(
                    CrmError::Forbidden | CrmError::Invalid(_) | CrmError::NotFound(_),
                )) => break,
                Err(_) if is_over => break,
                Err(_) => return self.stay(&job).await,
            };
            let changed = page.items.iter().filter_map(|key| inside.remove(key));
            let changed: Vec<_> = changed.flatten().collect();
            run.done.delivered += self.settle_delivered(&job, &changed, since).await?.len();
            if page.next.is_none() {
                break;
            }
            cursor = page.next;
            let stage = settling(Ending::Some, since, cursor.clone());
            let held = job.next(stage, Some(self.keeper.clock.now() + HELD_FOR));
            if !self.ledger.save_import(&held, None).await? {
                return Ok(());
            }
            job = held;
        }
        self.enter(&job, nothing_went_in(since), SignedDuration::ZERO)
            .await
    }

    /// Leads that were in the call and went in; returns which.
    async fn settle_delivered(
        &self,
        job: &ImportJob,
        leads: &[LeadInImport],
        since: Timestamp,
    ) -> Result<BTreeSet<LeadId>, StoreError> {
        let mut by_notes: BTreeMap<&[Note], Vec<LeadId>> = BTreeMap::new();
        for lead in leads {
            let of_notes = by_notes.entry(&lead.notes).or_default();
            of_notes.push(lead.id.clone());
        }
        let mut settled = BTreeSet::new();
        for (notes, leads) in by_notes {
            let delivered = self.delivered(job, notes.to_vec()).await?;
            settled.extend(self.leave(job, &leads, Some(since), &delivered).await?);
        }
        Ok(settled)
    }

    /// Leads that are sent singly; returns how many. They are looked at once they are listed.
    pub(super) async fn send_back(
        &self,
        job: &ImportJob,
        leads: &[LeadId],
    ) -> Result<usize, StoreError> {
        if leads.is_empty() {
            return Ok(0);
        }
        let now = self.keeper.clock.now();
        let listed = now + LISTED_WITHIN;
        self.ledger.mark_lane(&job.customer, listed).await?;
        Ok(self.leave(job, leads, None, &back(now)).await?.len())
    }

    /// Ends the stay of leads in an import; returns which were in it.
    pub(super) async fn leave(
        &self,
        job: &ImportJob,
        leads: &[LeadId],
        taken_by: Option<Timestamp>,
        settlement: &Settlement,
    ) -> Result<Vec<LeadId>, StoreError> {
        let mut left = Vec::new();
        for leads in leads.chunks(AT_ONCE) {
            let writes = leads.iter().map(|lead| {
                self.ledger
                    .leave(&job.customer, lead, &job.id, taken_by, settlement)
            });
            for (lead, did) in leads.iter().zip(try_join_all(writes).await?) {
                if did {
                    self.tallies
                        .left_import(&job.customer, lead, &settlement.state);
                    left.push(lead.clone());
                }
            }
        }
        Ok(left)
    }

    pub(super) async fn delivered(
        &self,
        job: &ImportJob,
        notes: Vec<Note>,
    ) -> Result<Settlement, StoreError> {
        let at = self.keeper.clock.now();
        let customer = self.directory.customer(&job.customer).await?;
        Ok(Settlement {
            state: LeadState::Delivered {
                contact: None,
                action: DeliveryAction::Imported,
                permission: Permission::Implicit,
                opt_out_check: OptOutCheck::Remote,
                notes,
            },
            due_at: None,
            at,
            expires_at: Some(at + kept_for(customer.as_ref())),
        })
    }

    /// The leads still in the import, by their addresses; `None` if there is no time to read them all.
    async fn by_address(
        &self,
        job: &ImportJob,
        horizon: Timestamp,
    ) -> Result<Option<BTreeMap<String, Vec<LeadInImport>>>, StoreError> {
        let mut inside: BTreeMap<String, Vec<LeadInImport>> = BTreeMap::new();
        let fields = self.fields(job).await?;
        for number in 0..job.chunks {
            if self.keeper.clock.now() >= horizon {
                return Ok(None);
            }
            let leads = self.ledger.chunk(&job.id, number).await?;
            for lead in self.inside(job, &leads, &fields).await? {
                let of_address = inside.entry(lead.address.clone()).or_default();
                of_address.push(lead);
            }
        }
        Ok(Some(inside))
    }

    /// Those of the leads that are still in the import.
    async fn inside(
        &self,
        job: &ImportJob,
        leads: &[LeadId],
        fields: &[CustomField],
    ) -> Result<Vec<LeadInImport>, StoreError> {
        let inside = self.still_in(job, leads).await?.into_iter();
        Ok(inside
            .map(|record| LeadInImport::of(record, fields))
            .collect())
    }

    /// Those of the leads that are still in the import. An unreadable one is sent singly, since nobody who can read it
    /// later could tell whether the call contained it.
    pub(super) async fn still_in(
        &self,
        job: &ImportJob,
        leads: &[LeadId],
    ) -> Result<Vec<LeadRecord>, StoreError> {
        let mut records = self.ledger.records(&job.customer, leads).await?;
        let mut unread: BTreeSet<_> = leads.iter().collect();
        for record in &records {
            unread.remove(&record.lead.id);
        }
        let unread: Vec<_> = unread.into_iter().cloned().collect();
        self.send_back(job, &unread).await?;
        records.retain(|record| is_in(job, record));
        Ok(records)
    }

    /// The account's custom fields, by which the import's rows were made unless they were read again since.
    async fn fields(&self, job: &ImportJob) -> Result<Vec<CustomField>, StoreError> {
        let connection = self.directory.connection(&job.customer).await?;
        Ok(connection.map_or(vec![], |connection| connection.catalog.custom_fields))
    }
}

/// Back among the leads that are sent singly.
fn back(at: Timestamp) -> Settlement {
    Settlement {
        state: LeadState::waiting(WaitReason::Quota),
        due_at: Some(at),
        at,
        expires_at: None,
    }
}
