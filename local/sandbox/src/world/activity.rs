//! Background activities: requested now, done later.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::import::ImportPlan;
use super::{Account, Context, Refusal};
use crate::dice::Dice;
use crate::settings::ImportTotal;

/// How long an activity is listed.
const LISTED: SignedDuration = SignedDuration::from_hours(24 * 10);
/// The most activities that an account may have waiting.
const MAX_QUEUED: usize = 1000;

#[derive(Debug)]
pub struct Activity {
    pub id: Uuid,
    pub created_at: Timestamp,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    /// How it ends; an activity that does not complete has no effect.
    pub ending: ActivityState,
    pub tally: Tally,
    pub errors: Vec<String>,
    /// The work to do; `None` once it has ended.
    pub(super) job: Option<Job>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityState {
    Initialized,
    Processing,
    Completed,
    Cancelled,
    Failed,
    TimedOut,
}

#[derive(Debug)]
pub enum Job {
    Import(ImportPlan),
    AddTags {
        contacts: Vec<Uuid>,
        tags: Vec<Uuid>,
    },
    AddLists {
        contacts: Vec<Uuid>,
        lists: Vec<Uuid>,
    },
    DeleteList(Uuid),
}

/// The outcome of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub items_total_count: usize,
    pub items_completed_count: usize,
    pub person_count: usize,
    pub error_count: usize,
    pub correctable_count: usize,
    pub cannot_add_to_list_count: usize,
    pub list_count: usize,
}

impl Activity {
    pub fn state(&self, now: Timestamp) -> ActivityState {
        if now >= self.ends_at {
            self.ending
        } else if now >= self.starts_at {
            ActivityState::Processing
        } else {
            ActivityState::Initialized
        }
    }

    pub fn percent_done(&self, now: Timestamp) -> u8 {
        let total = self
            .ends_at
            .duration_since(self.starts_at)
            .as_millis()
            .max(1);
        let done = now.duration_since(self.starts_at).as_millis();
        let percent = (done * 100 / total).clamp(0, 100);
        u8::try_from(percent).unwrap_or(100)
    }

    /// The outcome of the rows so far; none is counted before it has started.
    pub fn counted(&self, now: Timestamp) -> Tally {
        if now < self.starts_at {
            Tally::default()
        } else {
            self.tally.clone()
        }
    }

    /// The counts in the answer to the request for it, given before the work is done.
    pub fn counts(&self) -> &'static [&'static str] {
        self.job.as_ref().map_or(&[], Job::counts)
    }

    /// When its state at `now` began.
    pub fn changed_at(&self, now: Timestamp) -> Timestamp {
        match self.state(now) {
            ActivityState::Initialized => self.created_at,
            ActivityState::Processing => self.starts_at,
            _ => self.ends_at,
        }
    }

    pub fn is_listed(&self, now: Timestamp) -> bool {
        now.duration_since(self.created_at) <= LISTED
    }
}

impl Account {
    /// Queues a job and answers with its activity.
    pub(super) fn start(
        &mut self,
        job: Job,
        context: &mut Context<'_>,
    ) -> Result<&Activity, Refusal> {
        let waiting = self
            .activities
            .iter()
            .filter(|activity| activity.job.is_some());
        if waiting.count() >= MAX_QUEUED {
            return Err(Refusal::QueueFull);
        }
        let after = |ms| SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        let starts_at = context.now + after(context.settings.import_queued_ms);
        let ending = match job {
            Job::Import(_) => self.import_endings.pop_front(),
            _ => None,
        };
        self.activities.push(Activity {
            id: context.dice.uuid(),
            created_at: context.now,
            starts_at,
            ends_at: starts_at + after(context.settings.import_running_ms),
            ending: ending.unwrap_or(ActivityState::Completed),
            tally: job.initial_tally(context.settings.readings.import_total),
            errors: Vec::new(),
            job: Some(job),
        });
        Ok(&self.activities[self.activities.len() - 1])
    }

    /// Does the work of every activity that has ended by `now`.
    pub(super) fn settle(&mut self, now: Timestamp, dice: &mut Dice) {
        for at in 0..self.activities.len() {
            let activity = &mut self.activities[at];
            if now < activity.ends_at || activity.job.is_none() {
                continue;
            }
            let done_at = activity.ends_at;
            let job = activity.job.take();
            if activity.ending != ActivityState::Completed {
                activity
                    .errors
                    .push("The activity did not complete.".into());
                continue;
            }
            match job {
                Some(Job::Import(plan)) => self.run_import(at, plan, done_at, dice),
                Some(Job::AddTags { contacts, tags }) => self.run_tags(at, &contacts, &tags),
                Some(Job::AddLists { contacts, lists }) => {
                    self.run_memberships(at, &contacts, lists, done_at);
                }
                Some(Job::DeleteList(list)) => {
                    self.drop_list(list, done_at);
                    self.activities[at].tally.items_completed_count = 1;
                }
                None => {}
            }
        }
    }
}

impl Job {
    fn initial_tally(&self, import_total: ImportTotal) -> Tally {
        match self {
            Self::Import(plan) => Tally {
                items_total_count: import_total.of(plan.rows.len()),
                person_count: plan.rows.len(),
                ..Tally::default()
            },
            Self::AddTags { contacts, .. } | Self::AddLists { contacts, .. } => Tally {
                items_total_count: contacts.len(),
                ..Tally::default()
            },
            Self::DeleteList(_) => Tally {
                items_total_count: 1,
                ..Tally::default()
            },
        }
    }

    /// The counts in the answer to the request for it.
    fn counts(&self) -> &'static [&'static str] {
        match self {
            Self::Import(_) => &[
                "items_total_count",
                "person_count",
                "error_count",
                "correctable_count",
                "cannot_add_to_list_count",
            ],
            Self::AddTags { .. } => &["items_total_count", "items_completed_count"],
            Self::AddLists { .. } => &["items_total_count", "items_completed_count", "list_count"],
            Self::DeleteList(_) => &[],
        }
    }
}
