use jiff::Timestamp;

use super::values::{id, number, secret};
use super::{Admin, AdminError, Properties};
use crate::app::moment::budget_state;
use crate::domain::budget::{BudgetState, Limits, next_midnight};
use crate::domain::ids::AppId;
use crate::ports::{AppCredentials, Apps as _, Clock as _, Wiring};
use secrecy::ExposeSecret as _;

/// The visible settings of an application: never its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSettings {
    /// Which.
    pub app: AppId,
    /// What Constant Contact lets it call.
    pub limits: Limits,
}

/// What an application has called today and may still call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spending {
    /// Which.
    pub app: AppId,
    /// What Constant Contact lets it call.
    pub limits: Limits,
    /// Calls given out since 00:00 UTC; before the first one, what is assumed for the day.
    pub spent: u32,
    /// Constant Contact said that the day is spent: no call before this moment.
    pub closed_until: Option<Timestamp>,
    /// When the next day's quota begins.
    pub resets_at: Timestamp,
}

impl Spending {
    /// From what is known about its calls.
    #[must_use]
    pub fn of(app: AppId, limits: Limits, state: &BudgetState, now: Timestamp) -> Self {
        Self {
            app,
            limits,
            spent: state.spent_today(now),
            closed_until: state.closed_until(now),
            resets_at: next_midnight(now),
        }
    }

    /// How many calls leads may still take today.
    #[must_use]
    pub fn left(&self) -> u32 {
        match self.closed_until {
            Some(_) => 0,
            None => self.limits.deliveries().saturating_sub(self.spent),
        }
    }
}

impl<W: Wiring> Admin<W> {
    /// Stores an application, replacing the one with that id, whose limits it keeps if none are given.
    ///
    /// # Errors
    /// [`AdminError::Invalid`].
    pub async fn put_app(
        &self,
        app: &AppId,
        mut settings: Properties,
    ) -> Result<AppSettings, AdminError> {
        let client_id = settings.required("client_id", secret);
        let client_secret = settings.required("client_secret", secret);
        let per_second = settings.optional("calls_per_second", number(1..=1_000));
        let per_day = settings.optional("calls_per_day", number(1..=100_000_000));
        let credentials = client_id
            .zip(client_secret)
            .map(|(id, client_secret)| AppCredentials {
                client_id: id.expose_secret().to_owned(),
                client_secret,
            });
        let credentials = settings.finish(credentials)?;
        let before = self.apps.limits(app).await?;
        let limits = Limits {
            per_second: per_second.unwrap_or(before.per_second),
            per_day: per_day.unwrap_or(before.per_day),
        };
        self.apps.put(app, &credentials, limits).await?;
        Ok(AppSettings {
            app: app.clone(),
            limits,
        })
    }

    /// What an application may still call; `default` unless another is named.
    ///
    /// # Errors
    /// [`AdminError::Invalid`].
    pub async fn spending(&self, mut query: Properties) -> Result<Spending, AdminError> {
        let app = query.optional("app_id", id);
        let app = query.finish(Some(app.unwrap_or_else(AppId::default_app)))?;
        let now = self.clock.now();
        let (limits, state) = budget_state(&self.apps, &self.budget, &app, now).await?;
        Ok(Spending::of(app, limits, &state, now))
    }
}
