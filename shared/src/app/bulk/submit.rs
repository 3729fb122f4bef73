//! Submitting an import: making the one call, and finding out what became of it.

use jiff::{SignedDuration, Timestamp};

use super::rows::Content;
use super::{
    AskError, BUSY_PAUSE, Bulk, HELD_FOR, PAUSE, Run, SUBMITTED_WITHIN, after_failed_read, settling,
};
use crate::app::moment::CALL_TAKES;
use crate::domain::crm::CrmError;
use crate::domain::ids::RemoteId;
use crate::domain::import::{Ending, ImportJob, ImportRow, MAX_TRIES, Stage, next_look};
use crate::domain::lead::{LeadRecord, LeadState, WaitReason};
use crate::ports::{
    Activity, BulkImports as _, Clock as _, Connections as _, Imports as _, Progress, StoreError,
    Wiring,
};

/// How long an activity may be searched for or watched: Constant Contact lists those of ten days.
pub(super) const LISTED_FOR: SignedDuration = SignedDuration::from_hours(24 * 9);

/// How far the account's clock may be behind ours.
pub(super) const SKEW: SignedDuration = SignedDuration::from_secs(5);

/// What an account answers to an import.
enum ImportReply {
    /// It is this activity.
    Taken(Activity),
    /// The account has too much to do, and asks to be left alone for this long.
    Busy { retry_after: SignedDuration },
}

impl<W: Wiring> Bulk<W> {
    /// Submits an import that has its leads, if customer and account still allow it.
    pub(super) async fn submit(&self, job: ImportJob, run: &mut Run<'_>) -> Result<(), StoreError> {
        let connection = self.directory.connection(&job.customer).await?;
        let now = self.keeper.clock.now();
        let possible = connection.filter(|connection| connection.may_allow_imports());
        let agreed = self.has_agreed(&job.customer).await?;
        let in_time = now.duration_since(job.id.made_at()) < SUBMITTED_WITHIN;
        let worth_trying = in_time && job.tries < MAX_TRIES;
        let Some(connection) = possible.filter(|_| agreed && worth_trying) else {
            return self.give_up(&job).await;
        };
        // Meanwhile, a lead sent singly shows again whether the account asks for confirmations.
        if !connection.allows_imports(now)
            || self.has_other_unresolved_call(&job).await?
            || !self.may_ask(&job.customer, run.deadline).await?
        {
            return self.stay(&job).await;
        }
        match self.rows(&job, &connection, run).await? {
            Content::Rows(rows) if rows.is_empty() => self.give_up(&job).await,
            Content::Rows(rows) => self.call(job, &rows, run.deadline).await,
            Content::NotNow => self.stay(&job).await,
            Content::Unread(began) => {
                let job = after_failed_read(job, began, run.deadline - CALL_TAKES);
                self.stay(&job).await
            }
        }
    }

    /// Makes the call of an import, once it is written down that it is about to be made.
    async fn call(
        &self,
        job: ImportJob,
        rows: &[ImportRow],
        deadline: Timestamp,
    ) -> Result<(), StoreError> {
        let (since, tries) = (self.keeper.clock.now(), job.tries);
        let intent = ImportJob {
            tries: tries + 1,
            ..job
        };
        let stage = Stage::Submitting {
            since,
            rows: rows.len(),
        };
        let intent = intent.next(stage, Some(since + HELD_FOR));
        if !self.ledger.save_import(&intent, None).await? {
            return Ok(());
        }
        let (crm, lists) = (&self.crm, &intent.lists);
        // Either may come from the account's own queue of activities, which holds no other customer's calls.
        let call = async |token| match crm.import(&token, rows, lists).await {
            Err(CrmError::Throttled { retry_after }) => Ok(ImportReply::Busy { retry_after }),
            Err(CrmError::QuotaExceeded) => Ok(ImportReply::Busy {
                retry_after: BUSY_PAUSE,
            }),
            answer => answer.map(ImportReply::Taken),
        };
        match self.ask(&intent.customer, deadline, call).await {
            Ok(ImportReply::Taken(activity)) => {
                self.enter_running(&intent, activity.id, since, rows.len(), PAUSE)
                    .await
            }
            // Certainly without effect, and no fault of the import.
            Err(AskError::NotNow) => {
                let untried = ImportJob { tries, ..intent };
                self.enter(&untried, Stage::Ready, PAUSE).await
            }
            Ok(ImportReply::Busy { retry_after }) => {
                let untried = ImportJob { tries, ..intent };
                self.enter(&untried, Stage::Ready, BUSY_PAUSE.max(retry_after))
                    .await
            }
            // It may have taken effect: checked once it would be listed.
            Err(AskError::Crm(
                CrmError::AnswerLost | CrmError::Unavailable | CrmError::Conflict(_),
            )) => Ok(()),
            Err(AskError::Crm(error)) => {
                tracing::warn!(import.id = %intent.id, customer.id = %intent.customer, error = %error, "an import was refused");
                self.give_up(&intent).await
            }
            Err(AskError::Store(error)) => Err(error),
        }
    }

    /// Records that the import is this activity, which no other import is.
    async fn enter_running(
        &self,
        job: &ImportJob,
        activity: RemoteId,
        since: Timestamp,
        rows: usize,
        after: SignedDuration,
    ) -> Result<(), StoreError> {
        let known = ImportJob {
            activity: Some(activity.clone()),
            ..job.clone()
        };
        let stage = Stage::Running {
            activity,
            since,
            rows,
        };
        self.enter(&known, stage, after).await
    }

    /// Whether a call for another import of the account is unaccounted for: the two could not be told apart.
    async fn has_other_unresolved_call(&self, job: &ImportJob) -> Result<bool, StoreError> {
        let jobs = self.ledger.imports_of(&job.customer).await?;
        let unknown = |other: &ImportJob| matches!(other.stage, Stage::Submitting { .. });
        Ok(jobs
            .iter()
            .any(|other| other.id != job.id && unknown(other)))
    }

    /// Looks for the activity of a call whose answer is unknown, and has the call made again if there is none. One
    /// whose rows are not counted yet may be it.
    pub(super) async fn find_activity(
        &self,
        job: ImportJob,
        since: Timestamp,
        rows: usize,
        deadline: Timestamp,
    ) -> Result<(), StoreError> {
        let others = self.ledger.imports_of(&job.customer).await?;
        let known: Vec<_> = others.iter().map(|other| &other.activity).collect();
        let counted = |activity: &Activity| activity.rows == rows;
        let is_ours = |activity: &Activity| {
            let uncounted = activity.rows == 0 && activity.progress == Progress::Pending;
            (counted(activity) || uncounted)
                && activity.created_at >= since - SKEW
                && !known.contains(&&Some(activity.id.clone()))
        };
        let (mut ours, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let (crm, from) = (&self.crm, cursor.as_deref());
            let list = async |token| crm.activities(&token, from).await;
            let page = match self.ask(&job.customer, deadline, list).await {
                Ok(page) => page,
                Err(AskError::Store(error)) => return Err(error),
                Err(AskError::Crm(CrmError::Forbidden)) => return self.give_up(&job).await,
                Err(_) if self.keeper.clock.now().duration_since(since) > LISTED_FOR => {
                    return self.give_up(&job).await;
                }
                Err(_) => return self.stay(&job).await,
            };
            ours.extend(page.items.into_iter().filter(is_ours));
            cursor = page.next;
            if cursor.is_none() || ours.iter().any(counted) {
                break;
            }
        }
        let none_found = ours.is_empty();
        match ours.into_iter().find(counted) {
            Some(activity) => {
                let at_once = SignedDuration::ZERO;
                self.enter_running(&job, activity.id, since, rows, at_once)
                    .await
            }
            None if none_found => self.enter(&job, Stage::Ready, SignedDuration::ZERO).await,
            None => self.stay(&job).await,
        }
    }

    /// Checks how far an activity has got. One that counts fewer rows than were sent has dropped the others without
    /// reporting them.
    pub(super) async fn check_activity(
        &self,
        job: ImportJob,
        activity: &RemoteId,
        since: Timestamp,
        rows: usize,
        deadline: Timestamp,
    ) -> Result<(), StoreError> {
        let crm = &self.crm;
        let look = async |token| crm.activity(&token, activity).await;
        let now = self.keeper.clock.now();
        let vanished = now.duration_since(since) > LISTED_FOR;
        let ending = match self.ask(&job.customer, deadline, look).await {
            Ok(Some(activity)) => match activity.progress {
                Progress::Completed { error_count: 0 } if activity.rows >= rows => Ending::All,
                Progress::Completed { .. } => Ending::Some,
                Progress::Failed => Ending::None,
                Progress::Pending if vanished => Ending::None,
                Progress::Pending => {
                    let pause = next_look(since, now).duration_since(now);
                    return self.enter(&job, job.stage.clone(), pause).await;
                }
            },
            Ok(None) | Err(AskError::Crm(CrmError::Forbidden)) => Ending::None,
            Err(AskError::Store(error)) => return Err(error),
            Err(_) if vanished => Ending::None,
            Err(_) => return self.stay(&job).await,
        };
        if ending != Ending::All {
            tracing::warn!(import.id = %job.id, customer.id = %job.customer, ?ending, "an import had trouble");
        }
        let stage = settling(ending, since, None);
        self.enter(&job, stage, SignedDuration::ZERO).await
    }
}

/// Whether the lead is in this import. A lead that it names may have been taken by another, faster one.
pub(super) fn is_in(job: &ImportJob, record: &LeadRecord) -> bool {
    let import = LeadState::waiting(WaitReason::Import);
    record.state == import && record.imported_by.as_ref() == Some(&job.id)
}
