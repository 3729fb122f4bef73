//! Calls of the account's API while a person waits, within the application's limits.

use std::future::Future;

use jiff::SignedDuration;
use secrecy::SecretString;

use super::{Connect, ConnectError};
use crate::domain::budget::{CallClass, Reservation};
use crate::domain::connection::{Catalog, ContactList};
use crate::domain::crm::CrmError;
use crate::domain::ids::AppId;
use crate::ports::{AccountSummary, Accounts as _, Apps as _, Budget as _, Clock as _, Wiring};

/// How long a person waits for calls to be free.
const PATIENCE: SignedDuration = SignedDuration::from_secs(8);

/// A moment that has passed by more than this is no longer ours.
const LATE: SignedDuration = SignedDuration::from_millis(20);

/// How often something is asked for that can be asked for again.
const TRIES: u32 = 3;

impl<W: Wiring> Connect<W> {
    /// The account behind a token, and what its user may do.
    pub(super) async fn summary(
        &self,
        app: &AppId,
        token: &SecretString,
    ) -> Result<AccountSummary, ConnectError> {
        self.ask(app, || self.accounts.summary(token)).await
    }

    /// The account's lists and custom fields.
    pub(super) async fn catalog(
        &self,
        app: &AppId,
        token: &SecretString,
    ) -> Result<Catalog, ConnectError> {
        self.ask(app, || self.accounts.catalog(token)).await
    }

    /// Makes a list, or finds the one that was made of this name meanwhile, be it by a call whose answer was lost.
    pub(super) async fn make_list(
        &self,
        app: &AppId,
        token: &SecretString,
        name: &str,
    ) -> Result<ContactList, ConnectError> {
        self.await_calls(app, 1).await?;
        match self.accounts.create_list(token, name).await {
            Ok(list) => Ok(list),
            Err(CrmError::Conflict(_) | CrmError::AnswerLost) => {
                let lists = self.catalog(app, token).await?.lists;
                let same = lists.into_iter().find(|list| is_called(list, name));
                same.ok_or(ConnectError::Unavailable)
            }
            Err(error) => Err(self.failed(app, error).await?),
        }
    }

    /// Asks for something that takes two calls, again where that may help.
    async fn ask<T, F>(&self, app: &AppId, call: impl Fn() -> F) -> Result<T, ConnectError>
    where
        F: Future<Output = Result<T, CrmError>>,
    {
        let mut attempt = 1;
        loop {
            self.await_calls(app, 2).await?;
            let error = match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let passing = matches!(
                error,
                CrmError::Throttled | CrmError::Unavailable | CrmError::AnswerLost
            );
            let failed = self.failed(app, error).await?;
            if !passing || attempt == TRIES {
                return Err(failed);
            }
            attempt += 1;
        }
    }

    /// What an error means here, after the budget has heard of it.
    async fn failed(&self, app: &AppId, error: CrmError) -> Result<ConnectError, ConnectError> {
        tracing::warn!(app.id = %app, %error, "a call for a connection failed");
        let (limits, now) = (self.apps.limits(app).await?, self.clock.now());
        Ok(match error {
            CrmError::Throttled => {
                self.budget.throttled(app, limits, now).await?;
                ConnectError::Busy
            }
            CrmError::QuotaExceeded => {
                self.budget.quota_exceeded(app, limits, now).await?;
                ConnectError::Busy
            }
            CrmError::Forbidden => ConnectError::AppForbidden,
            _ => ConnectError::Unavailable,
        })
    }

    /// Waits until `calls` calls may leave one right after the other. Others keep their even spacing around them, so
    /// the burst needs the moments on both its sides: it leaves at the middle one of `2 * calls - 1`. With fewer of
    /// them, at the end of a day, it would be more calls than were given out; after them, where the store was slow to
    /// answer, it would crowd the calls of others.
    async fn await_calls(&self, app: &AppId, calls: u32) -> Result<(), ConnectError> {
        let limits = self.apps.limits(app).await?;
        let (class, want) = (CallClass::Interactive, 2 * calls - 1);
        let mut ahead = SignedDuration::ZERO;
        for _ in 0..TRIES {
            let now = self.clock.now();
            let reservation = self
                .budget
                .reserve(app, limits, class, want, now + ahead, now + PATIENCE)
                .await?;
            let moments = match reservation {
                Reservation::Granted(moments) if moments.len() == want as usize => moments,
                Reservation::Granted(_) | Reservation::NotBefore { .. } => break,
            };
            let middle = moments[moments.len() / 2];
            let late = self.clock.now().duration_since(middle);
            if late <= LATE {
                self.clock.sleep_until(middle).await;
                return Ok(());
            }
            ahead = late * 2;
        }
        Err(ConnectError::Busy)
    }
}

pub(super) fn is_called(list: &ContactList, name: &str) -> bool {
    list.name.to_lowercase() == name.to_lowercase()
}
