//! Spill-over: what the budget cannot carry goes by bulk import, if the customer has agreed to the weaker permission
//! and the account does not ask for confirmations.
//!
//! An import is a row that says what is about to happen before it happens. `gather` names leads in it and takes them
//! out of their lane. `rows` makes rows of them. `submit` writes that the call is about to be made, makes it, and looks
//! for a call whose answer was lost among the account's activities before making another. `settle` gives every lead its
//! outcome. `account_facts` is what the account is asked once for several imports. Whoever works on an import first
//! moves its due time, on the condition that nobody else has. Leads that did not certainly go in are sent singly, and
//! not imported again.

mod account_facts;
mod gather;
mod rows;
mod settle;
mod submit;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use self::account_facts::AccountFacts;
use crate::app::first_error::FirstError;
use crate::app::moment::{CALL_TAKES, Next, await_moment, budget_state};
use crate::app::publish::publish;
use crate::app::tally_buffer::TallyBuffer;
use crate::app::token_keeper::{Access, AccessError, TokenKeeper};
use crate::domain::budget::{CallClass, Limits, Meter, Reservation};
use crate::domain::crm::CrmError;
use crate::domain::ids::{AppId, CustomerId, ImportId};
use crate::domain::import::{Ending, ImportJob, Stage};
use crate::domain::keys::SigningKeys;
use crate::ports::{
    Apps as _, Budget as _, Clock as _, Connections as _, Event, Imports as _, StoreError, Wiring,
};

/// The most imports looked at in one run.
const MAX_IMPORTS: u16 = 50;

/// How long a worker may work on one import before another may: longer than a run.
const HELD_FOR: SignedDuration = SignedDuration::from_mins(2);

/// How long an import waits if it cannot make a call now, or a call failed for a temporary reason.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// How long an import waits for an account that has too much to do.
const BUSY_PAUSE: SignedDuration = SignedDuration::from_mins(15);

/// Leads of an import that could not be started within this time are sent singly.
const SUBMITTED_WITHIN: SignedDuration = SignedDuration::from_hours(24 * 3);

/// Time in which an import of any size can be read, unless the store is in trouble.
const READ_WITHIN: SignedDuration = SignedDuration::from_secs(15);

/// The budget class of the calls of an import.
const CALL_CLASS: CallClass = CallClass::Delivery;

/// Imports leads.
pub struct Bulk<W: Wiring> {
    /// The ledger.
    pub ledger: W::Ledger,
    /// Customers, forms and connections.
    pub directory: W::Directory,
    /// Tokens.
    pub keeper: TokenKeeper<W>,
    /// The API.
    pub crm: W::Crm,
    /// What consents were sealed with.
    pub keys: SigningKeys,
    /// What is to be counted.
    pub tallies: TallyBuffer,
}

/// What one run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Leads taken into imports.
    pub taken: usize,
    /// Leads that went in.
    pub delivered: usize,
    /// Leads that are sent singly.
    pub back: usize,
    /// Customers whose leads are being gathered: their lanes must not be released now.
    pub gathering: BTreeSet<CustomerId>,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    /// No call was made: there is no moment or no token now.
    #[error("there is no moment or no token now")]
    NotNow,
    /// What the API answered, or would answer until a person acts.
    #[error(transparent)]
    Crm(#[from] CrmError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One run's work on the imports of a customer.
struct Run<'r> {
    deadline: Timestamp,
    facts: AccountFacts,
    /// What was done, for all customers.
    done: &'r mut Imported,
}

impl<W: Wiring> Bulk<W> {
    /// Moves every import that is due one step on, then gathers what the budget cannot carry, and submits that. If
    /// something of one customer cannot be read, the others' leads still go. Returns what was done, also beside an
    /// error.
    ///
    /// # Errors
    /// [`StoreError`] if the stores could not be read or written, even for one customer. What was not done is still
    /// due.
    pub async fn run(&self, deadline: Timestamp) -> (Imported, Result<(), StoreError>) {
        let (mut done, mut errors) = (Imported::default(), FirstError::default());
        errors.record(self.step_all(deadline, &mut done).await);
        errors.record(self.gather(deadline, &mut done).await);
        errors.record(self.step_all(deadline, &mut done).await);
        let now = self.keeper.clock.now();
        self.tallies.write(&self.directory, now).await;
        (done, errors.end(()))
    }

    async fn step_all(&self, deadline: Timestamp, done: &mut Imported) -> Result<(), StoreError> {
        let now = self.keeper.clock.now();
        let mut errors = FirstError::default();
        for (customer, ids) in by_customer(self.ledger.due_imports(now, MAX_IMPORTS).await?) {
            if self.keeper.clock.now() < deadline {
                errors.record(self.step_due(&customer, &ids, deadline, done).await);
            }
        }
        errors.end(())
    }

    /// Moves on those of a customer's imports that are still due.
    async fn step_due(
        &self,
        customer: &CustomerId,
        ids: &[ImportId],
        deadline: Timestamp,
        done: &mut Imported,
    ) -> Result<(), StoreError> {
        let (mut due, mut errors) = (Vec::new(), FirstError::default());
        for id in ids {
            let job = self.due_import(customer, id).await;
            due.extend(errors.log(customer, job).flatten());
        }
        // A gathering one is left to `gather`, which knows when the lane is empty.
        due.retain(|job| job.stage != Stage::Gathering);
        let mut run = Run {
            deadline,
            facts: AccountFacts::of(&due),
            done,
        };
        for job in due {
            if self.keeper.clock.now() < deadline {
                let stepped = self.step_if_free(&job, &mut run).await;
                errors.log(customer, stepped);
            }
        }
        errors.end(())
    }

    /// Moves on an import that nobody else has moved since it was read.
    async fn step_if_free(&self, job: &ImportJob, run: &mut Run<'_>) -> Result<(), StoreError> {
        match self.hold(job).await? {
            Some(job) => self.step(job, run).await,
            None => Ok(()),
        }
    }

    /// An import, if it is still due.
    async fn due_import(
        &self,
        customer: &CustomerId,
        id: &ImportId,
    ) -> Result<Option<ImportJob>, StoreError> {
        let now = self.keeper.clock.now();
        let job = self.ledger.import_of(customer, id).await?;
        Ok(job.filter(|job| job.due_at.is_some_and(|due| due <= now)))
    }

    /// Moves the import's due time on, so that nobody else works on it; `None` if somebody does.
    async fn hold(&self, job: &ImportJob) -> Result<Option<ImportJob>, StoreError> {
        let until = self.keeper.clock.now() + HELD_FOR;
        let held = job.next(job.stage.clone(), Some(until));
        let saved = self.ledger.save_import(&held, None).await?;
        Ok(saved.then_some(held))
    }

    async fn step(&self, job: ImportJob, run: &mut Run<'_>) -> Result<(), StoreError> {
        let deadline = run.deadline;
        match job.stage.clone() {
            Stage::Gathering | Stage::Closed => Ok(()),
            Stage::Ready => self.submit(job, run).await,
            Stage::Submitting { since, rows } => {
                self.find_activity(job, since, rows, deadline).await
            }
            Stage::Running {
                activity,
                since,
                rows,
            } => {
                self.check_activity(job, &activity, since, rows, deadline)
                    .await
            }
            Stage::Settling {
                ending,
                since,
                cursor,
            } => match (self.check_lists(job, since, run).await?, ending) {
                (None, _) => Ok(()),
                (Some(job), Ending::Some) => self.sort_out(job, since, cursor, run).await,
                (Some(job), _) => self.settle(job, ending, since, run).await,
            },
        }
    }

    /// Writes the import's next stage; it is no error if somebody else has done so.
    async fn enter(
        &self,
        job: &ImportJob,
        stage: Stage,
        after: SignedDuration,
    ) -> Result<(), StoreError> {
        let (now, ends) = (self.keeper.clock.now(), stage == Stage::Closed);
        let next = job.next(stage, (!ends).then_some(now + after));
        if self.ledger.save_import(&next, None).await? && ends {
            self.publish_closed(job, now).await;
        }
        Ok(())
    }

    /// Leaves the import where it is for a while.
    async fn stay(&self, job: &ImportJob) -> Result<(), StoreError> {
        self.enter(job, job.stage.clone(), PAUSE).await
    }

    async fn publish_closed(&self, job: &ImportJob, at: Timestamp) {
        let event = Event::Import {
            customer_id: job.customer.clone(),
            import_id: job.id.clone(),
            status: "closed",
            leads: job.leads,
            at,
        };
        publish(&self.keeper.events, &[event]).await;
    }

    /// Has all leads of an import sent singly.
    async fn give_up(&self, job: &ImportJob) -> Result<(), StoreError> {
        let stage = nothing_went_in(self.keeper.clock.now());
        self.enter(job, stage, SignedDuration::ZERO).await
    }

    /// One call at a moment of the budget that leaves it time before `deadline`, with a token that is refreshed once if
    /// there is time for that too.
    async fn ask<T, F>(
        &self,
        customer: &CustomerId,
        deadline: Timestamp,
        call: impl Fn(SecretString) -> F,
    ) -> Result<T, AskError>
    where
        F: Future<Output = Result<T, CrmError>>,
    {
        let connection = self.directory.connection(customer).await?;
        let app = &connection.ok_or(CrmError::Forbidden)?.app;
        let mut rejected = None;
        loop {
            let access = self.access(customer, rejected, deadline).await?;
            let limits = self.keeper.apps.limits(app).await?;
            let horizon = deadline - CALL_TAKES;
            if !self.await_moment(app, limits, horizon).await? {
                return Err(AskError::NotNow);
            }
            let error = match call(access.token.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if error == CrmError::Unauthorized && rejected.is_none() {
                rejected = Some(access.generation);
                continue;
            }
            if let CrmError::BadRequest(status) = &error {
                tracing::error!(status, "the API calls an import of ours wrong");
            }
            if let Some(pause) = error.pause() {
                let (budget, now) = (&self.keeper.budget, self.keeper.clock.now());
                budget.pause(Meter::Api(app, limits), now, pause).await?;
            }
            return Err(error.into());
        }
    }

    /// Whether there may be a token and a moment for a call. Checked before many leads are read for it, which may take
    /// the time that a refresh needs.
    async fn may_ask(
        &self,
        customer: &CustomerId,
        deadline: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(connection) = self.directory.connection(customer).await? else {
            return Ok(true);
        };
        match self.access(customer, None, deadline).await {
            Ok(_) | Err(AskError::Crm(_)) => {}
            Err(AskError::NotNow) => return Ok(false),
            Err(AskError::Store(error)) => return Err(error),
        }
        let (keeper, app) = (&self.keeper, &connection.app);
        let now = keeper.clock.now();
        let (limits, state) = budget_state(&keeper.apps, &keeper.budget, app, now).await?;
        let (_, moment) = state.reserve(limits, CALL_CLASS, 1, now, deadline - CALL_TAKES);
        Ok(matches!(moment, Reservation::Granted(_)))
    }

    /// A token to call with.
    async fn access(
        &self,
        customer: &CustomerId,
        rejected: Option<u64>,
        deadline: Timestamp,
    ) -> Result<Access, AskError> {
        let access = self.keeper.access(customer, rejected, deadline).await;
        access.map_err(|error| match error {
            AccessError::Waits(_) => AskError::Crm(CrmError::Forbidden),
            AccessError::Busy { .. } => AskError::NotNow,
            AccessError::Store(error) => AskError::Store(error),
        })
    }

    /// Waits for a moment of the budget; says whether there is one up to `horizon`.
    async fn await_moment(
        &self,
        app: &AppId,
        limits: Limits,
        horizon: Timestamp,
    ) -> Result<bool, StoreError> {
        let budget = &self.keeper.budget;
        let meter = Meter::Api(app, limits);
        let reserve = |want, from| budget.reserve(meter, CALL_CLASS, want, from, horizon);
        let next = await_moment(&self.keeper.clock, 1, reserve).await?;
        Ok(matches!(next, Next::At(_)))
    }
}

/// Imports by customer, in the order of each customer's first import.
fn by_customer(due: Vec<(CustomerId, ImportId)>) -> Vec<(CustomerId, Vec<ImportId>)> {
    let mut imports: Vec<(CustomerId, Vec<ImportId>)> = Vec::new();
    for (customer, id) in due {
        match imports.iter_mut().find(|(other, _)| *other == customer) {
            Some((_, ids)) => ids.push(id),
            None => imports.push((customer, vec![id])),
        }
    }
    imports
}

/// The import after its leads could not be read by `horizon`: this counts as a try if there was enough time.
fn after_failed_read(job: ImportJob, began: Timestamp, horizon: Timestamp) -> ImportJob {
    let enough = horizon.duration_since(began) >= READ_WITHIN;
    let tries = job.tries + u32::from(enough);
    ImportJob { tries, ..job }
}

/// All leads of an import that are still in it are sent singly.
fn nothing_went_in(since: Timestamp) -> Stage {
    settling(Ending::None, since, None)
}

fn settling(ending: Ending, since: Timestamp, cursor: Option<String>) -> Stage {
    Stage::Settling {
        ending,
        since,
        cursor,
    }
}
