//! Making a call, and repeating it while its error can be fixed on the spot.

use std::mem;
use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::Drain;
use super::outcome::Outcome;
use super::recheck::CheckedLeads;
use super::settle::warn;
use super::turns::Turn;
use crate::app::connect::may_write_contacts;
use crate::app::moment::{CALL_TAKES, LATE, Next, next_moment};
use crate::app::publish::publish_status;
use crate::app::token_keeper::Access;
use crate::domain::budget::{Meter, Pause, Reservation, quota_back};
use crate::domain::connection::{ConnectionStatus, LimitedReason};
use crate::domain::crm::CrmError;
use crate::ports::{Accounts, Budget, Clock, Connections, Wiring};

/// How often a call is repeated within one claim.
const RETRIES: u32 = 4;

/// What was already fixed for a call, and is not fixed twice: a refused token, and a conflict, since Constant Contact
/// considers an address abused that is submitted more than five times in a day.
#[derive(Default)]
struct AlreadyFixed {
    token: bool,
    conflict: bool,
}

/// Why there is no answer.
pub(super) enum CallError {
    /// An error that was not fixed.
    Failed(CrmError),
    /// The lead has to wait, whatever the call was.
    Deferred(Outcome),
}

impl CallError {
    /// The error.
    ///
    /// # Errors
    /// The outcome of the lead, if it has to wait whatever the call was.
    pub(super) fn failed(self) -> Result<CrmError, Outcome> {
        match self {
            Self::Failed(error) => Ok(error),
            Self::Deferred(outcome) => Err(outcome),
        }
    }

    /// The same for a call that only reads: whether it arrived matters to no lead.
    fn for_read(self) -> Self {
        match self {
            Self::Failed(CrmError::AnswerLost) => Self::Failed(CrmError::Unavailable),
            other => other,
        }
    }
}

impl From<Outcome> for CallError {
    fn from(outcome: Outcome) -> Self {
        Self::Deferred(outcome)
    }
}

impl<W: Wiring> Drain<W> {
    /// Makes a call that reads, at `moment` or at the next one there is, and repeats it at later ones while there is
    /// something to fix.
    pub(super) async fn ask<T, F>(
        &self,
        turn: &Turn<'_>,
        moment: Option<Timestamp>,
        call: impl Fn(SecretString) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CrmError>>,
    {
        let answer = self.ask_for(turn, None, moment, 1, call).await;
        answer.map_err(CallError::for_read)
    }

    /// The same for a call that changes something for leads, which are rechecked before it leaves. With more than one
    /// of `calls`, it makes them right after each other.
    pub(super) async fn ask_for<T, F>(
        &self,
        turn: &Turn<'_>,
        mut leads: Option<&mut CheckedLeads<'_>>,
        mut moment: Option<Timestamp>,
        calls: u32,
        call: impl Fn(SecretString) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CrmError>>,
    {
        let (mut retries, mut already_fixed) = (0, AlreadyFixed::default());
        loop {
            self.wait_for(turn, leads.as_deref_mut(), moment.take(), calls)
                .await?;
            let access = turn.ready.access();
            let error = match call(access.token.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let fixed = self
                .try_fix(turn, &error, &access, &mut already_fixed)
                .await?;
            if !fixed || retries == RETRIES {
                return Err(CallError::Failed(error));
            }
            retries += 1;
        }
    }

    /// Waits for a moment. One that has passed, because what came before the call took long, is given up for the next:
    /// how late it is says nothing about how soon others are available.
    async fn wait_for(
        &self,
        turn: &Turn<'_>,
        mut leads: Option<&mut CheckedLeads<'_>>,
        mut moment: Option<Timestamp>,
        calls: u32,
    ) -> Result<(), Outcome> {
        let clock = &self.keeper.clock;
        let moment = loop {
            let in_time = |moment: &Timestamp| clock.now().duration_since(*moment) <= LATE;
            let at = match moment.filter(in_time) {
                Some(moment) => moment,
                None => self.next_moment(turn, calls).await?,
            };
            match leads.as_deref_mut().filter(|leads| leads.are_stale(at)) {
                Some(leads) => self.recheck(turn, leads, at).await?,
                None => break at,
            }
            moment = Some(at);
        };
        clock.sleep_until(moment).await;
        if turn.closed.load(Ordering::Relaxed) {
            let back = quota_back(clock.now());
            return Err(Outcome::waits_for_day(back, self.jitter()));
        }
        Ok(())
    }

    /// The next moment at which this many calls may leave, one right after the other.
    async fn next_moment(&self, turn: &Turn<'_>, calls: u32) -> Result<Timestamp, Outcome> {
        let take = CALL_TAKES * i32::try_from(calls).unwrap_or(1);
        let reserve = async |want, from| {
            let moments = self.moments(turn, want, from, take).await?;
            Ok(Reservation::Granted(moments))
        };
        match next_moment(&self.keeper.clock, calls, reserve).await? {
            Next::At(moment) => Ok(moment),
            Next::NotBefore(_) | Next::Missed => Err(self.not_now()),
        }
    }

    /// Does what may make the same call succeed now; says whether there was anything to do.
    async fn try_fix(
        &self,
        turn: &Turn<'_>,
        error: &CrmError,
        access: &Access,
        already_fixed: &mut AlreadyFixed,
    ) -> Result<bool, CallError> {
        let app = turn.app();
        match error {
            CrmError::Unauthorized if !mem::replace(&mut already_fixed.token, true) => {
                Ok(self.refresh(turn, access).await?)
            }
            CrmError::Forbidden if self.lacks_right(turn, access).await => Ok(false),
            // As far as anybody can tell, nothing is missing that a person could grant; only this call is refused.
            CrmError::Forbidden => Err(CallError::Failed(CrmError::BadRequest(403))),
            CrmError::Conflict(_) if !mem::replace(&mut already_fixed.conflict, true) => {
                let pause = SignedDuration::from_millis(300 + 4 * i64::from(self.jitter()));
                let clock = &self.keeper.clock;
                clock.sleep_until(clock.now() + pause).await;
                Ok(true)
            }
            CrmError::Throttled { retry_after } => {
                tracing::warn!(app.id = %app, "the API throttled a call");
                self.pause(turn, Pause::For(*retry_after)).await;
                Ok(true)
            }
            CrmError::QuotaExceeded => {
                tracing::warn!(app.id = %app, "the day's quota is spent");
                turn.closed.store(true, Ordering::Relaxed);
                self.pause(turn, Pause::Day).await;
                Ok(false)
            }
            CrmError::BadRequest(status) => {
                tracing::error!(status, "the API calls a request of ours wrong");
                Ok(false)
            }
            CrmError::Unauthorized
            | CrmError::Invalid(_)
            | CrmError::NotFound(_)
            | CrmError::Conflict(_)
            | CrmError::Unavailable
            | CrmError::AnswerLost => Ok(false),
        }
    }

    /// Stops all calls for a while.
    async fn pause(&self, turn: &Turn<'_>, pause: Pause) {
        let (meter, now) = (Meter::Api(turn.app(), turn.limits), self.keeper.clock.now());
        let paused = self.keeper.budget.pause(meter, now, pause).await;
        self.warn_on_fail("pausing the budget", &turn.customer().id, paused);
    }

    /// Gets a newer token than the refused one, which another call of the batch may have fetched already. If there is
    /// no time to refresh it, the lead waits.
    async fn refresh(&self, turn: &Turn<'_>, refused: &Access) -> Result<bool, Outcome> {
        if turn.ready.access().generation > refused.generation {
            return Ok(true);
        }
        let (customer, rejected) = (&turn.customer().id, Some(refused.generation));
        let access = self.keeper.access(customer, rejected, turn.deadline).await;
        turn.ready
            .set_access(access.map_err(|error| self.without_token(customer, &error))?);
        Ok(true)
    }

    /// After a 403: whether a right is missing, which is recorded, so that nobody calls in vain. Asked once per batch.
    async fn lacks_right(&self, turn: &Turn<'_>, access: &Access) -> bool {
        let mut known = turn.ready.findings.lacks_right.lock().await;
        if let Some(known) = *known {
            return known;
        }
        let lacks = if !access.is_for_contacts {
            self.limit(turn, access, LimitedReason::MissingScope).await;
            true
        } else if self.wait_for(turn, None, None, 2).await.is_err() {
            true // most likely; a later call with time for it finds out
        } else if let Some(reason) = self.missing_right(turn, access).await {
            self.limit(turn, access, reason).await;
            true
        } else {
            false
        };
        *known = Some(lacks);
        lacks
    }

    /// Which of its causes a 403 has, if it is not the scope; `None` if no known one applies.
    async fn missing_right(&self, turn: &Turn<'_>, access: &Access) -> Option<LimitedReason> {
        match self.crm.summary(&access.token).await {
            Err(CrmError::Forbidden) => Some(LimitedReason::AppDeactivated),
            Err(_) => None,
            Ok(summary) if !may_write_contacts(&summary.privileges) => {
                Some(LimitedReason::MissingPrivilege)
            }
            Ok(_) => {
                let customer = &turn.customer().id;
                tracing::warn!(customer.id = %customer, "a call was forbidden though no right is missing");
                None
            }
        }
    }

    async fn limit(&self, turn: &Turn<'_>, access: &Access, reason: LimitedReason) {
        let status = ConnectionStatus::Limited { reason };
        let (customer, now) = (&turn.connection().customer, self.keeper.clock.now());
        match self
            .directory
            .set_status(customer, access.generation, &status)
            .await
        {
            Ok(true) => {
                tracing::warn!(customer.id = %customer, reason = ?reason, "a connection may not write contacts");
                publish_status(&self.keeper.events, customer, &status, now).await;
            }
            Ok(false) => {}
            Err(error) => warn("noting that rights are missing", customer, &error),
        }
    }
}
