//! Background activities: asked for now, done later.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::import::ImportPlan;
use super::{Account, Refusal, Scene};
use crate::contract::{AddMemberships, AddTags, Exclusion, Id, Selection};
use crate::dice::Dice;

/// How long the collection shows an activity.
const LISTED: SignedDuration = SignedDuration::from_hours(24 * 10);
/// Activities an account may have waiting.
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
    /// Still to be done; `None` once it has ended.
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
    /// A list delete does its work at once.
    DeleteList,
}

/// What became of the rows.
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

    /// When the state it has at `now` began.
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
    pub(super) fn start(&mut self, job: Job, scene: &mut Scene<'_>) -> Result<&Activity, Refusal> {
        let waiting = self
            .activities
            .iter()
            .filter(|activity| activity.job.is_some());
        if waiting.count() >= MAX_QUEUED {
            return Err(Refusal::QueueFull);
        }
        let after = |ms| SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        let starts_at = scene.now + after(scene.settings.import_queued_ms);
        let ending = match job {
            Job::Import(_) => self.import_endings.pop_front(),
            _ => None,
        };
        self.activities.push(Activity {
            id: scene.dice.uuid(),
            created_at: scene.now,
            starts_at,
            ends_at: starts_at + after(scene.settings.import_running_ms),
            ending: ending.unwrap_or(ActivityState::Completed),
            tally: job.opening_tally(),
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
                    self.run_memberships(at, &contacts, &lists, done_at);
                }
                Some(Job::DeleteList) | None => {}
            }
        }
    }

    pub fn add_tags(
        &mut self,
        input: &AddTags,
        scene: &mut Scene<'_>,
    ) -> Result<&Activity, Refusal> {
        let tags: Vec<Uuid> = input.tag_ids.items().iter().map(|id| id.0).collect();
        let known = |id: &Uuid| self.tags.iter().any(|tag| tag.id == *id);
        if let Some(gone) = tags.iter().find(|id| !known(id)) {
            return Err(Refusal::NotFound(format!("tag_id {gone} does not exist")));
        }
        let contacts = self.selected(&input.source, input.exclude.as_ref());
        self.start(Job::AddTags { contacts, tags }, scene)
    }

    pub fn add_memberships(
        &mut self,
        input: &AddMemberships,
        scene: &mut Scene<'_>,
    ) -> Result<&Activity, Refusal> {
        self.check_lists(input.list_ids.items(), scene)?;
        let lists = input.list_ids.items().iter().map(|id| id.0).collect();
        let contacts = self.selected(&input.source, input.exclude.as_ref());
        self.start(Job::AddLists { contacts, lists }, scene)
    }

    pub fn record_list_delete(&mut self, scene: &mut Scene<'_>) -> Result<&Activity, Refusal> {
        self.start(Job::DeleteList, scene)
    }

    fn selected(&self, source: &Selection, exclude: Option<&Exclusion>) -> Vec<Uuid> {
        let left_out = exclude.map_or(&[][..], |exclude| exclude.contact_ids.items());
        let any = |wanted: &[Id], has: &[Uuid]| wanted.iter().any(|id| has.contains(&id.0));
        let chosen = self.contacts.iter().filter(|contact| {
            contact.deleted_at.is_none()
                && match source {
                    Selection::ContactIds(ids) => ids.items().contains(&Id(contact.id)),
                    Selection::ListIds(ids) => any(ids.items(), &contact.lists),
                    Selection::TagIds(ids) => any(ids.items(), &contact.tags),
                    Selection::AllActiveContacts(wanted) => *wanted && contact.is_active(),
                }
        });
        let kept = chosen.filter(|contact| !left_out.contains(&Id(contact.id)));
        kept.map(|contact| contact.id).collect()
    }

    fn run_tags(&mut self, activity: usize, contacts: &[Uuid], tags: &[Uuid]) {
        for id in contacts {
            let Some(at) = self.by_id.get(id) else {
                continue;
            };
            let contact = &mut self.contacts[*at];
            let new = tags
                .iter()
                .filter(|tag| !contact.tags.contains(tag))
                .copied();
            let new: Vec<Uuid> = new.collect();
            contact.tags.extend(new);
        }
        self.activities[activity].tally.items_completed_count = contacts.len();
    }

    fn run_memberships(
        &mut self,
        activity: usize,
        contacts: &[Uuid],
        lists: &[Uuid],
        now: Timestamp,
    ) {
        for id in contacts {
            let Some(at) = self.by_id.get(id) else {
                continue;
            };
            let contact = &mut self.contacts[*at];
            if contact.opt_out_date.is_some() {
                self.activities[activity].tally.cannot_add_to_list_count += 1;
                continue;
            }
            contact.join(lists.iter().copied());
            contact.updated_at = now;
        }
        self.activities[activity].tally.items_completed_count = contacts.len();
    }
}

impl Job {
    fn opening_tally(&self) -> Tally {
        let total = match self {
            Self::Import(plan) => plan.rows.len(),
            Self::AddTags { contacts, .. } | Self::AddLists { contacts, .. } => contacts.len(),
            Self::DeleteList => 1,
        };
        Tally {
            items_total_count: total,
            ..Tally::default()
        }
    }
}
