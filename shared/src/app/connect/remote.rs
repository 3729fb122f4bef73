//! Calls of the account's API while a person waits, within the application's limits.

use std::future::Future;

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};
use secrecy::SecretString;

use super::{ChoiceFault, Connect, ConnectError};
use crate::app::moment::{Next, await_moment, budget_state};
use crate::domain::budget::{CallClass, Meter, Pause, Reservation, quota_back};
use crate::domain::connection::{Catalog, ContactList};
use crate::domain::crm::CrmError;
use crate::domain::ids::AppId;
use crate::ports::{
    AccountSummary, Accounts as _, Apps as _, Budget as _, Clock as _, StoreError, Wiring,
};

/// How long a person may be asked to wait before the next try.
pub(super) const SOON: SignedDuration = SignedDuration::from_mins(1);

/// Moments that the first two calls of a connection take: see `next_moment`.
const FIRST_CALLS: u32 = 3;

/// How often a repeatable call is tried.
const TRIES: u32 = 3;

impl<W: Wiring> Connect<W> {
    /// Makes sure that calls will be possible `within` a time, before a link or a consent is used up in vain. Takes
    /// none.
    pub(super) async fn expect_calls(
        &self,
        app: &AppId,
        within: SignedDuration,
    ) -> Result<(), ConnectError> {
        let now = self.clock.now();
        let (limits, state) = budget_state(&self.apps, &self.budget, app, now).await?;
        let class = CallClass::Interactive;
        match state.reserve(limits, class, FIRST_CALLS, now, now + within) {
            (_, Reservation::Granted(moments)) if moments.len() == FIRST_CALLS as usize => Ok(()),
            (_, Reservation::Granted(_)) => Err(self.busy(quota_back(now))),
            (_, Reservation::NotBefore { at, .. }) => Err(self.busy(at)),
        }
    }

    /// The account behind a token, and what its user may do.
    pub(super) async fn summary(
        &self,
        app: &AppId,
        token: &SecretString,
        end: Timestamp,
    ) -> Result<AccountSummary, ConnectError> {
        self.ask(app, end, || self.crm.summary(token)).await
    }

    /// The account's lists and custom fields.
    pub(super) async fn catalog(
        &self,
        app: &AppId,
        token: &SecretString,
        end: Timestamp,
    ) -> Result<Catalog, ConnectError> {
        self.ask(app, end, || self.crm.catalog(token)).await
    }

    /// Makes a list, or finds the one with this name that was made meanwhile, perhaps by a call whose answer was lost.
    pub(super) async fn make_list(
        &self,
        app: &AppId,
        token: &SecretString,
        name: &str,
        end: Timestamp,
    ) -> Result<ContactList, ConnectError> {
        self.await_calls(app, 1, end).await?;
        match self.crm.create_list(token, name).await {
            Ok(list) => Ok(list),
            Err(CrmError::Conflict(_) | CrmError::AnswerLost) => {
                let lists = self.catalog(app, token, end).await?.lists;
                let same = lists.into_iter().find(|list| has_name(list, name));
                same.ok_or(ConnectError::Unavailable)
            }
            Err(error @ (CrmError::Invalid(_) | CrmError::Forbidden)) => {
                tracing::warn!(app.id = %app, %error, "a new list was refused");
                Err(ConnectError::Choice(vec![ChoiceFault::RefusedList]))
            }
            Err(error) => Err(self.failed(app, error).await),
        }
    }

    /// Makes a request that takes two calls, and repeats it if that may help.
    async fn ask<T, F>(
        &self,
        app: &AppId,
        end: Timestamp,
        call: impl Fn() -> F,
    ) -> Result<T, ConnectError>
    where
        F: Future<Output = Result<T, CrmError>>,
    {
        let mut attempt = 1;
        loop {
            self.await_calls(app, 2, end).await?;
            let error = match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let temporary = matches!(
                error,
                CrmError::Throttled { .. } | CrmError::Unavailable | CrmError::AnswerLost
            );
            let failed = self.failed(app, error).await;
            if !temporary || attempt == TRIES {
                return Err(failed);
            }
            attempt += 1;
        }
    }

    /// What an error means here, after the budget was told.
    async fn failed(&self, app: &AppId, error: CrmError) -> ConnectError {
        tracing::warn!(app.id = %app, %error, "a call for a connection failed");
        match (error.pause(), error) {
            (Some(pause), _) => match self.pause(app, pause).await {
                Ok(until) => self.busy(until),
                Err(error) => error.into(),
            },
            (None, CrmError::Forbidden) => ConnectError::AppForbidden,
            (None, _) => ConnectError::Unavailable,
        }
    }

    /// Closes the budget for a pause that the API asked for, and returns when it is over.
    async fn pause(&self, app: &AppId, pause: Pause) -> Result<Timestamp, StoreError> {
        let (limits, now) = (self.apps.limits(app).await?, self.clock.now());
        let meter = Meter::Api(app, limits);
        self.budget.pause(meter, now, pause).await?;
        Ok(pause.end(now))
    }

    /// Waits until `calls` calls may leave one right after the other.
    async fn await_calls(
        &self,
        app: &AppId,
        calls: u32,
        end: Timestamp,
    ) -> Result<(), ConnectError> {
        let limits = self.apps.limits(app).await?;
        let (latest, class) = (self.latest_moment(end)?, CallClass::Interactive);
        let (budget, meter) = (&self.budget, Meter::Api(app, limits));
        let reserve = |want, from| budget.reserve(meter, class, want, from, latest);
        match await_moment(&self.clock, calls, reserve).await? {
            Next::At(_) => Ok(()),
            Next::NotBefore(at) => Err(self.busy(at)),
            Next::Missed => Err(ConnectError::Busy),
        }
    }

    /// The error if there are no calls before `at`. Pages show the full minute.
    pub(super) fn busy(&self, at: Timestamp) -> ConnectError {
        if at <= self.clock.now() + SOON {
            return ConnectError::Busy;
        }
        let minute = TimestampRound::new().smallest(Unit::Minute);
        let until = at.round(minute.mode(RoundMode::Ceil)).unwrap_or(at);
        ConnectError::NoCalls { until }
    }
}

pub(super) fn has_name(list: &ContactList, name: &str) -> bool {
    list.name.to_lowercase() == name.to_lowercase()
}
