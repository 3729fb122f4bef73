//! What an account is asked once for all of its customer's imports in a run: which contacts it has deleted, and whether
//! their lists exist. The imports are read before it is asked, so its answers are never older than they are.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{AskError, Bulk, Run};
use crate::app::publish::mark_list_gone;
use crate::domain::crm::CrmError;
use crate::domain::ids::{CustomerId, RemoteId};
use crate::domain::import::{ImportJob, Stage};
use crate::ports::{Accounts as _, BulkImports as _, Clock as _, StoreError, Wiring};

/// The most pages of deleted contacts that are read for an import: one that would need more is not worth its calls.
const MAX_PAGES: usize = 20;

/// When contacts were deleted, by the keys of their addresses.
type Deleted = BTreeMap<String, Timestamp>;

/// What is known about an account in one run.
pub(super) struct AccountFacts {
    /// The oldest consent among all imports that are to be called, until somebody has asked.
    oldest: Option<Timestamp>,
    /// Which contacts it has deleted, and since when.
    deleted: Option<(Timestamp, Deleted)>,
    /// Whether lists exist.
    lists: BTreeMap<RemoteId, bool>,
}

/// Whether the contacts that an account has deleted could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeletedContacts {
    /// All since the given time.
    Read,
    /// Not now, but perhaps later.
    NotNow,
    /// The account does not say, or there are too many.
    Unavailable,
}

impl AccountFacts {
    /// Nothing known yet about these imports.
    pub(super) fn of(jobs: &[ImportJob]) -> Self {
        let ready = jobs.iter().filter(|job| job.stage == Stage::Ready);
        Self {
            oldest: ready.filter_map(|job| job.agreed_since).min(),
            deleted: None,
            lists: BTreeMap::new(),
        }
    }

    /// When a contact was last deleted, as far as the account was asked.
    pub(super) fn deleted_at(&self, address: &str) -> Option<Timestamp> {
        let (_, deleted) = self.deleted.as_ref()?;
        deleted.get(address).copied()
    }
}

impl<W: Wiring> Bulk<W> {
    /// Makes sure that the run knows which contacts the account has deleted since then. The first request covers all
    /// imports that are to be called, unless that is too much.
    pub(super) async fn load_deleted(
        &self,
        run: &mut Run<'_>,
        customer: &CustomerId,
        since: Timestamp,
    ) -> Result<DeletedContacts, StoreError> {
        if let Some((from, _)) = run.facts.deleted
            && from <= since
        {
            return Ok(DeletedContacts::Read);
        }
        let oldest = run.facts.oldest.take().filter(|oldest| *oldest < since);
        for from in oldest.into_iter().chain([since]) {
            let mut deleted = Deleted::new();
            let read = self.read_deleted(&mut deleted, customer, from, run.deadline);
            match read.await? {
                DeletedContacts::Read => {
                    run.facts.deleted = Some((from, deleted));
                    return Ok(DeletedContacts::Read);
                }
                DeletedContacts::NotNow => return Ok(DeletedContacts::NotNow),
                DeletedContacts::Unavailable => {}
            }
        }
        Ok(DeletedContacts::Unavailable)
    }

    /// Reads which contacts the account has deleted since then, page by page.
    async fn read_deleted(
        &self,
        deleted: &mut Deleted,
        customer: &CustomerId,
        since: Timestamp,
        deadline: Timestamp,
    ) -> Result<DeletedContacts, StoreError> {
        let mut cursor = None::<String>;
        for _ in 0..MAX_PAGES {
            let (crm, from) = (&self.crm, cursor.as_deref());
            let list = async |token| crm.deleted_since(&token, since, from).await;
            let page = match self.ask(customer, deadline, list).await {
                Ok(page) => page,
                Err(AskError::Store(error)) => return Err(error),
                Err(AskError::Crm(
                    CrmError::Forbidden
                    | CrmError::Invalid(_)
                    | CrmError::NotFound(_)
                    | CrmError::BadRequest(_),
                )) => return Ok(DeletedContacts::Unavailable),
                Err(_) => return Ok(DeletedContacts::NotNow),
            };
            deleted.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(DeletedContacts::Read);
            }
        }
        Ok(DeletedContacts::Unavailable)
    }

    /// Whether one of an import's lists exists; `None` if nobody could look. If the user may not see lists, none counts
    /// as gone.
    pub(super) async fn has_list(
        &self,
        run: &mut Run<'_>,
        job: &ImportJob,
    ) -> Result<Option<bool>, StoreError> {
        for list in &job.lists {
            let exists = match run.facts.lists.get(list) {
                Some(exists) => *exists,
                None => {
                    let exists = self.list_exists(&job.customer, list, run.deadline).await?;
                    let Some(exists) = exists else {
                        return Ok(None);
                    };
                    run.facts.lists.insert(list.clone(), exists);
                    exists
                }
            };
            if exists {
                return Ok(Some(true));
            }
        }
        Ok(Some(false))
    }

    async fn list_exists(
        &self,
        customer: &CustomerId,
        list: &RemoteId,
        deadline: Timestamp,
    ) -> Result<Option<bool>, StoreError> {
        let crm = &self.crm;
        let look = async |token| crm.has_list(&token, list).await;
        match self.ask(customer, deadline, look).await {
            Ok(true) | Err(AskError::Crm(CrmError::Forbidden)) => Ok(Some(true)),
            Ok(false) => {
                let (directory, events) = (&self.directory, &self.keeper.events);
                let now = self.keeper.clock.now();
                mark_list_gone(directory, events, customer, list, now).await?;
                Ok(Some(false))
            }
            Err(AskError::Store(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }
}
