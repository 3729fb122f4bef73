//! Giving every lead of an import its outcome.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};

use super::{Bulk, Imported, PAUSE};
use crate::domain::ids::LeadId;
use crate::domain::import::{Ending, ImportJob, Stage};
use crate::domain::lead::{DeliveryAction, LeadState, OptOutCheck, Permission, WaitReason};
use crate::ports::{
    BulkImports as _, Clock as _, Customers as _, Imports as _, Ledger as _, Left, StoreError,
    Wiring,
};

/// Leads written at a time.
pub(super) const AT_ONCE: usize = 32;

/// The account's clock may be behind ours by so much.
const SKEW: SignedDuration = SignedDuration::from_secs(5);

impl<W: Wiring> Bulk<W> {
    /// Gives the leads their outcomes, as far as there is time, and closes the import once all have one. A lead that
    /// has left already is not touched again, so this may begin anew at any time.
    pub(super) async fn settle(
        &self,
        job: ImportJob,
        ending: Ending,
        since: Timestamp,
        deadline: Timestamp,
        done: &mut Imported,
    ) -> Result<(), StoreError> {
        let there = match ending {
            Ending::Some => match self.changed(&job, since).await? {
                Some(there) => Some(there),
                None => return self.enter(&job, job.stage.clone(), PAUSE).await,
            },
            Ending::All | Ending::None => None,
        };
        for number in 0..job.chunks {
            if self.keeper.clock.now() >= deadline {
                return self
                    .enter(&job, job.stage.clone(), SignedDuration::ZERO)
                    .await;
            }
            let leads = self.ledger.chunk(&job.id, number).await?;
            let went_in = match (ending, &there) {
                (Ending::All, _) => leads.clone(),
                (Ending::Some, Some(there)) => self.went_in(&job, &leads, there).await?,
                _ => vec![],
            };
            let delivered = self.delivered(&job).await?;
            done.delivered += self.leave(&job, &went_in, Some(since), &delivered).await?;
            // Whoever is still in it did not go in, or was taken after the call.
            self.ledger.mark_lane(&job.customer, delivered.at).await?;
            let rest = self.remaining(&job, leads).await?;
            done.back += self.leave(&job, &rest, None, &back(delivered.at)).await?;
        }
        self.enter(&job, Stage::Closed, SignedDuration::ZERO).await
    }

    /// Ends the stay of leads in an import; tells how many were there.
    pub(super) async fn leave(
        &self,
        job: &ImportJob,
        leads: &[LeadId],
        taken_by: Option<Timestamp>,
        left: &Left,
    ) -> Result<usize, StoreError> {
        let mut count = 0;
        for leads in leads.chunks(AT_ONCE) {
            let writes = leads.iter().map(|lead| {
                self.ledger
                    .leave(&job.customer, lead, &job.id, taken_by, left)
            });
            for (lead, did) in leads.iter().zip(try_join_all(writes).await?) {
                if did {
                    self.counter.left_import(&job.customer, lead, &left.state);
                    count += 1;
                }
            }
        }
        Ok(count)
    }

    async fn delivered(&self, job: &ImportJob) -> Result<Left, StoreError> {
        let at = self.keeper.clock.now();
        let customer = self.directory.customer(&job.customer).await?;
        let expires_at = customer.map(|customer| {
            let days = SignedDuration::from_hours(24 * i64::from(customer.retention_days));
            at.as_second() + days.as_secs()
        });
        Ok(Left {
            state: LeadState::Delivered {
                contact: None,
                action: DeliveryAction::Imported,
                permission: Permission::Implicit,
                opt_out_check: OptOutCheck::Remote,
                notes: vec![],
            },
            due_at: None,
            at,
            expires_at,
        })
    }

    /// Of these leads, those whose address the account has.
    async fn went_in(
        &self,
        job: &ImportJob,
        leads: &[LeadId],
        there: &BTreeSet<String>,
    ) -> Result<Vec<LeadId>, StoreError> {
        let records = self.ledger.records(&job.customer, leads).await?;
        let records = records.into_iter().map(|record| record.lead);
        let there = records.filter(|lead| there.contains(&lead.contact.email.key()));
        Ok(there.map(|lead| lead.id).collect())
    }

    /// Of these leads, those that wait for an import still.
    async fn remaining(
        &self,
        job: &ImportJob,
        leads: Vec<LeadId>,
    ) -> Result<Vec<LeadId>, StoreError> {
        let import = LeadState::Waiting {
            why: WaitReason::Import,
        };
        let records = self.ledger.records(&job.customer, &leads).await?;
        let remaining = records.into_iter().filter(|record| record.state == import);
        Ok(remaining.map(|record| record.lead.id).collect())
    }

    /// Addresses that changed since the call left, on all pages; `None` where they are not to be had now.
    async fn changed(
        &self,
        job: &ImportJob,
        since: Timestamp,
    ) -> Result<Option<BTreeSet<String>>, StoreError> {
        let (mut changed, mut cursor) = (BTreeSet::new(), None::<String>);
        loop {
            let (crm, from) = (&self.crm, cursor.as_deref());
            let page = async |token| crm.changed_since(&token, since - SKEW, from).await;
            let Some(Ok(page)) = self.ask(&job.customer, page).await? else {
                return Ok(None);
            };
            changed.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(Some(changed)),
            }
        }
    }
}

/// The single way.
pub(super) fn back(at: Timestamp) -> Left {
    Left {
        state: LeadState::Waiting {
            why: WaitReason::Quota,
        },
        due_at: Some(at),
        at,
        expires_at: None,
    }
}
