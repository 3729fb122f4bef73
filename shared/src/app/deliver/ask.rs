//! A call, made again for as long as something can be mended on the spot.

use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::Drain;
use super::outcome::Outcome;
use super::turns::Turn;
use crate::app::moment::{LATE, REFRESH_TAKES, TURNS};
use crate::app::token_keeper::{Access, AccessError};
use crate::domain::budget::quota_back;
use crate::domain::connection::{COOLDOWN, ConnectionStatus, LimitedReason};
use crate::domain::crm::CrmError;
use crate::ports::{Accounts, Budget, Clock, Connections, Event, Events, Wiring};

/// Times a call is made again within one claim.
const RETRIES: u32 = 4;

/// How far ahead the moments lie at which nobody waits for an answer.
const AHEAD: SignedDuration = SignedDuration::from_secs(1);

/// Why there is no answer.
pub(super) enum Stopped {
    /// An error that was not mended.
    By(CrmError),
    /// The lead has to wait, whatever was asked.
    Until(Outcome),
}

impl Stopped {
    /// The same of a call that only looks: whether it arrived does not matter to any lead.
    pub(super) fn looking(self) -> Self {
        match self {
            Self::By(CrmError::AnswerLost) => Self::By(CrmError::Unavailable),
            other => other,
        }
    }
}

impl From<Outcome> for Stopped {
    fn from(outcome: Outcome) -> Self {
        Self::Until(outcome)
    }
}

impl<W: Wiring> Drain<W> {
    /// Makes a call at `moment`, and again at later ones while there is something to mend.
    pub(super) async fn ask<T, F>(
        &self,
        turn: &Turn<'_>,
        moment: Timestamp,
        call: impl Fn(SecretString) -> F,
    ) -> Result<T, Stopped>
    where
        F: Future<Output = Result<T, CrmError>>,
    {
        self.ask_with(turn, moment, 1, call).await
    }

    /// The same for what takes more calls than one, which leave one right after the other.
    pub(super) async fn ask_with<T, F>(
        &self,
        turn: &Turn<'_>,
        mut moment: Timestamp,
        calls: u32,
        call: impl Fn(SecretString) -> F,
    ) -> Result<T, Stopped>
    where
        F: Future<Output = Result<T, CrmError>>,
    {
        let (mut retries, mut refreshed) = (0, false);
        loop {
            self.wait_for(turn, moment, calls).await?;
            let access = turn.ready.access();
            let error = match call(access.token.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let mended = self.mend(turn, &error, &access, &mut refreshed).await?;
            if !mended || retries == RETRIES {
                return Err(Stopped::By(error));
            }
            retries += 1;
            moment = self.moment_for(turn, calls, SignedDuration::ZERO).await?;
        }
    }

    /// Waits for a moment. One that has passed, because a store was slow to answer, is given up for another that lies
    /// as far ahead as the store is slow.
    async fn wait_for(
        &self,
        turn: &Turn<'_>,
        mut moment: Timestamp,
        calls: u32,
    ) -> Result<(), Outcome> {
        for _ in 0..TURNS {
            let late = self.lateness(moment);
            if late <= LATE {
                self.keeper.clock.sleep_until(moment).await;
                if turn.closed.load(Ordering::Relaxed) {
                    let back = quota_back(self.keeper.clock.now());
                    return Err(Outcome::waits_for_day(back, self.die()));
                }
                return Ok(());
            }
            moment = self.moment_for(turn, calls, late * 2).await?;
        }
        Err(self.not_now(COOLDOWN))
    }

    fn lateness(&self, moment: Timestamp) -> SignedDuration {
        self.keeper.clock.now().duration_since(moment)
    }

    /// Does what may make the same call go through now; says whether there was such a thing.
    async fn mend(
        &self,
        turn: &Turn<'_>,
        error: &CrmError,
        access: &Access,
        refreshed: &mut bool,
    ) -> Result<bool, Outcome> {
        let (app, limits, now) = (turn.app(), turn.limits, self.keeper.clock.now());
        let budget = &self.keeper.budget;
        match error {
            CrmError::Unauthorized if !std::mem::replace(refreshed, true) => {
                self.refresh(turn, access).await
            }
            CrmError::Forbidden => {
                self.limit(turn, access).await;
                Ok(false)
            }
            CrmError::Conflict(_) => {
                let pause = SignedDuration::from_millis(300 + 4 * i64::from(self.die()));
                self.keeper.clock.sleep_until(now + pause).await;
                Ok(true)
            }
            CrmError::Throttled => {
                tracing::warn!(app.id = %app, "the API throttled a call");
                self.warn_on_fail(budget.throttled(app, limits, now).await);
                Ok(true)
            }
            CrmError::QuotaExceeded => {
                tracing::warn!(app.id = %app, "the day's quota is spent");
                turn.closed.store(true, Ordering::Relaxed);
                self.warn_on_fail(budget.quota_exceeded(app, limits, now).await);
                Ok(false)
            }
            CrmError::Ours(status) => {
                tracing::error!(status, "the API calls a request of ours wrong");
                Ok(false)
            }
            CrmError::Unauthorized
            | CrmError::Invalid(_)
            | CrmError::NotFound(_)
            | CrmError::Unavailable
            | CrmError::AnswerLost => Ok(false),
        }
    }

    /// A newer token than the one that was refused, which another call of the batch may have fetched already. Where
    /// there is no time to refresh it, the lead waits.
    async fn refresh(&self, turn: &Turn<'_>, refused: &Access) -> Result<bool, Outcome> {
        if turn.ready.access().generation > refused.generation {
            return Ok(true);
        }
        if self.keeper.clock.now() + REFRESH_TAKES > turn.deadline {
            return Err(self.not_now(COOLDOWN));
        }
        let customer = &turn.ready.customer.id;
        match self.keeper.access(customer, Some(refused.generation)).await {
            Ok(access) => {
                turn.ready.set_access(access);
                Ok(true)
            }
            Err(AccessError::Waits(why)) => Err(Outcome::waits(why, None)),
            Err(_) => Ok(false),
        }
    }

    /// After a 403: finds out which of its three causes it is and writes it down, so that nobody calls in vain.
    async fn limit(&self, turn: &Turn<'_>, access: &Access) {
        let connection = &turn.ready.connection;
        if turn.ready.asked_why.swap(true, Ordering::Relaxed) {
            return;
        }
        match self.moment_for(turn, 2, AHEAD).await {
            Ok(moment) if self.lateness(moment) <= LATE => {
                self.keeper.clock.sleep_until(moment).await;
            }
            Ok(_) | Err(_) => return,
        }
        let reason = match self.crm.summary(&access.token).await {
            Err(CrmError::Forbidden) => LimitedReason::AppDeactivated,
            Ok(summary)
                if !summary
                    .privileges
                    .iter()
                    .any(|name| name == "contacts:write") =>
            {
                LimitedReason::MissingPrivilege
            }
            Ok(_) => LimitedReason::MissingScope,
            Err(_) => return,
        };
        let status = ConnectionStatus::Limited { reason };
        let (customer, now) = (&connection.customer, self.keeper.clock.now());
        match self
            .directory
            .set_status(customer, access.generation, &status)
            .await
        {
            Ok(true) => {
                tracing::warn!(customer.id = %customer, reason = ?reason, "a connection may not write contacts");
                let event = Event::Connection {
                    customer_id: customer.clone(),
                    status,
                    at: now,
                };
                self.warn_on_fail(self.keeper.events.publish(&event).await);
            }
            Ok(false) => {}
            Err(error) => self.warn_on_fail(Err(error)),
        }
    }
}
