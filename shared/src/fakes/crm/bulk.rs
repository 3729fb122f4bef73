//! Bulk imports of an account, completed a while after they were requested.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::account_state::{AccountState, RemotePermission};
use super::calls::Call;
use super::contract::assert_rows_valid;
use super::{FakeCrm, World};
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::email::EmailAddress;
use crate::domain::ids::RemoteId;
use crate::domain::import::ImportRow;
use crate::ports::{Activity, BulkImports, Clock as _, Page, Progress};

/// How long an import takes.
const IMPORT_TIME: SignedDuration = SignedDuration::from_secs(20);
/// Maximum rows of a request.
const MAX_ROWS: usize = 40_000;
/// Bytes of a request that are read; the rest is dropped silently.
const MAX_BYTES: usize = 4_000_000;
/// Contacts or activities of a page.
const PAGE: usize = 500;

/// A requested import.
#[derive(Debug)]
pub(super) struct QueuedImport {
    activity: Activity,
    ends_at: Timestamp,
    rows: Vec<EmailAddress>,
    lists: Vec<RemoteId>,
}

impl FakeCrm {
    /// Makes the next imports of an account fail.
    pub fn fail_imports(&self, account: &str, times: usize) {
        self.world
            .with(|world| world.account_state(account).imports_fail = times);
    }

    /// Makes imports of an account take this long, and their rows count only at their end.
    pub fn delay_imports(&self, account: &str, takes: SignedDuration) {
        self.world
            .with(|world| world.account_state(account).import_accepts_phone = Some(takes));
    }

    /// Makes an account read only this many rows of its imports, and drop the rest silently.
    pub fn truncate_imports(&self, account: &str, rows: usize) {
        self.world
            .with(|world| world.account_state(account).imports_cut = Some(rows));
    }

    /// Adds this many activities of somebody else to an account, all completed already.
    pub fn add_unrelated_activities(&self, account: &str, times: usize) {
        let now = self.clock.now();
        self.world.with(|world| {
            for _ in 0..times {
                let activity = Activity {
                    id: world.next_id(),
                    created_at: now,
                    rows: 1,
                    progress: Progress::Completed { error_count: 0 },
                };
                world.account_state(account).imports.push(QueuedImport {
                    activity,
                    ends_at: now,
                    rows: Vec::new(),
                    lists: Vec::new(),
                });
            }
        });
    }

    /// The account forgets its activities, as it does after ten days.
    pub fn forget_activities(&self, account: &str) {
        self.world
            .with(|world| world.account_state(account).imports.clear());
    }

    /// The requested imports, each as its rows.
    #[must_use]
    pub fn imports(&self, account: &str) -> Vec<usize> {
        self.world.with(|world| {
            let imports = world.account_state(account).imports.iter();
            imports.map(|import| import.activity.rows).collect()
        })
    }
}

impl AccountState {
    fn request_import(
        &mut self,
        rows: &[ImportRow],
        lists: &[RemoteId],
        id: RemoteId,
        now: Timestamp,
    ) -> Activity {
        assert_rows_valid(rows);
        let mut bytes = 0;
        let most = self.imports_cut.unwrap_or(MAX_ROWS);
        let read = rows.iter().take(most).take_while(|row| {
            bytes += row.bytes();
            bytes < MAX_BYTES
        });
        let rows: Vec<EmailAddress> = read.filter_map(|row| row.email.parse().ok()).collect();
        let fails = self.imports_fail > 0;
        self.imports_fail = self.imports_fail.saturating_sub(1);
        let progress = if fails {
            Progress::Failed
        } else {
            Progress::Completed { error_count: 0 }
        };
        let activity = Activity {
            id,
            created_at: now,
            rows: rows.len(),
            progress,
        };
        let pending = Activity {
            progress: Progress::Pending,
            ..activity.clone()
        };
        self.imports.push(QueuedImport {
            activity,
            ends_at: now + self.import_accepts_phone.unwrap_or(IMPORT_TIME),
            rows,
            lists: lists.to_vec(),
        });
        pending
    }

    /// Completes the imports that are due. People who opted out stay off the lists, and a list that is gone by then
    /// gets nobody, without any error.
    fn run_imports(&mut self, mut new_id: impl FnMut() -> RemoteId, now: Timestamp) {
        for at in 0..self.imports.len() {
            let ends_at = self.imports[at].ends_at;
            if ends_at > now || self.imports[at].activity.progress == Progress::Failed {
                continue;
            }
            let rows = std::mem::take(&mut self.imports[at].rows);
            let mut lists = self.imports[at].lists.clone();
            lists.retain(|list| self.catalog.lists.iter().any(|known| known.id == *list));
            let mut error_count = 0;
            for email in &rows {
                let contact = self.known_or_new(email, new_id(), ends_at);
                contact.updated_at = ends_at;
                contact.deleted_at = None;
                if contact.permission == RemotePermission::Unsubscribed {
                    error_count += 1;
                } else {
                    contact.lists.extend(lists.iter().cloned());
                }
            }
            if !rows.is_empty() {
                self.imports[at].activity.progress = Progress::Completed { error_count };
            }
        }
    }

    fn visible_activities(&self, now: Timestamp) -> Vec<Activity> {
        let counted_late = self.import_accepts_phone.is_some();
        let shown = self.imports.iter().rev().map(|import| {
            let mut shown = import.activity.clone();
            if import.ends_at > now {
                shown.progress = Progress::Pending;
                shown.rows = if counted_late { 0 } else { shown.rows };
            }
            shown
        });
        shown.collect()
    }
}

impl World {
    /// The account's state, with all imports that are due completed.
    fn with_due_imports(&mut self, account: &str, now: Timestamp) -> &mut AccountState {
        let mut last_number = self.last_number;
        let new_id = || {
            last_number += 1;
            let id = format!("00000000-0000-4000-8000-{last_number:012x}");
            id.parse().expect("it is a UUID")
        };
        self.accounts
            .get_mut(account)
            .expect("the account was opened")
            .run_imports(new_id, now);
        self.last_number = last_number;
        self.account_state(account)
    }
}

/// The page of a listing that begins at a cursor.
fn page<T>(all: Vec<T>, cursor: Option<&str>) -> Page<T> {
    let from: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
    let next = (from + PAGE < all.len()).then(|| (from + PAGE).to_string());
    let items = all.into_iter().skip(from).take(PAGE).collect();
    Page { items, next }
}

impl BulkImports for FakeCrm {
    async fn import(
        &self,
        token: &SecretString,
        rows: &[ImportRow],
        lists: &[RemoteId],
    ) -> Result<Activity, CrmError> {
        self.call(Call::Import, token, |world, account, now| {
            let id = world.next_id();
            let state = world.account_state(account);
            state.allows(Some("contacts:write"))?;
            if rows.is_empty() || rows.len() > MAX_ROWS {
                let words = "import_data must have 1 to 40000 items";
                let refusal = Refusal::of("activities.api.validation.error", words);
                return Err(CrmError::Invalid(refusal));
            }
            let known = |id: &RemoteId| state.catalog.lists.iter().any(|list| list.id == *id);
            if !lists.iter().all(known) {
                return Err(CrmError::NotFound(Refusal::default()));
            }
            Ok(state.request_import(rows, lists, id, now))
        })
        .await
    }

    async fn activity(
        &self,
        token: &SecretString,
        activity: &RemoteId,
    ) -> Result<Option<Activity>, CrmError> {
        self.call(Call::Activity, token, |world, account, now| {
            let shown = world.with_due_imports(account, now).visible_activities(now);
            Ok(shown.into_iter().find(|shown| shown.id == *activity))
        })
        .await
    }

    async fn activities(
        &self,
        token: &SecretString,
        cursor: Option<&str>,
    ) -> Result<Page<Activity>, CrmError> {
        self.call(Call::Activity, token, |world, account, now| {
            Ok(page(
                world.with_due_imports(account, now).visible_activities(now),
                cursor,
            ))
        })
        .await
    }

    async fn changed_since(
        &self,
        token: &SecretString,
        since: Timestamp,
        cursor: Option<&str>,
    ) -> Result<Page<String>, CrmError> {
        self.call(Call::Changed, token, |world, account, now| {
            let state = world.with_due_imports(account, now);
            state.allows(Some("contacts:read"))?;
            let contacts = state.contacts();
            let changed = contacts.iter().filter(|contact| {
                contact.updated_at >= since
                    && contact.permission != RemotePermission::Unsubscribed
                    && contact.deleted_at.is_none()
            });
            let keys = changed.map(|contact| contact.contact.email.key());
            Ok(page(keys.collect(), cursor))
        })
        .await
    }

    async fn deleted_since(
        &self,
        token: &SecretString,
        since: Timestamp,
        cursor: Option<&str>,
    ) -> Result<Page<(String, Timestamp)>, CrmError> {
        self.call(Call::Deleted, token, |world, account, now| {
            let state = world.with_due_imports(account, now);
            state.allows(Some("contacts:read"))?;
            let contacts = state.contacts().into_iter();
            let deleted = contacts.filter_map(|contact| {
                let at = contact.deleted_at.filter(|at| *at >= since)?;
                Some((contact.contact.email.key(), at))
            });
            Ok(page(deleted.collect(), cursor))
        })
        .await
    }
}
