//! The health of the stack, as metrics that alarms can watch.

#[cfg(test)]
mod tests;

use jiff::Timestamp;

use super::Scheduler;
use crate::app::canary::Canary;
use crate::app::observe::{LOST, applications, oldest_under_way, quarantined};
use crate::domain::budget::BudgetState;
use crate::domain::ids::AppId;
use crate::ports::{
    Apps as _, Budget as _, Clock as _, Connections as _, FormEndpoint, Gauge, Metric, Metrics,
    StoreError, Wiring,
};

impl<W: Wiring> Scheduler<W> {
    /// Measures everything once and records it, then runs the canary, if there is one, and records how late it is. Its
    /// call comes last, because the function may end before it is answered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record<E: FormEndpoint>(
        &self,
        metrics: &impl Metrics,
        canary: Option<&Canary<W, E>>,
    ) -> Result<(), StoreError> {
        let gauges = self.measure().await?;
        metrics.record(self.clock.now(), &gauges);
        if let Some(canary) = canary {
            let late = canary.run().await?;
            metrics.record(self.clock.now(), &[late]);
        }
        Ok(())
    }

    /// Measures everything once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn measure(&self) -> Result<Vec<Metric>, StoreError> {
        let now = self.clock.now();
        let oldest = oldest_under_way(&self.ledger).await?;
        let age = oldest.map_or(0, |since| now.duration_since(since).as_secs().max(0));
        let lost = self.directory.lost(LOST).await?;
        let quarantined = quarantined(&self.ledger, now).await?;
        let mut used = 0.0_f64;
        for app in applications(&self.apps).await? {
            used = used.max(self.used(&app, now).await?);
        }
        let seconds = i32::try_from(age).map_or(f64::MAX, f64::from);
        let count = |number: usize| u32::try_from(number).map_or(f64::MAX, f64::from);
        Ok([
            (Gauge::OldestUndelivered, seconds),
            (Gauge::LostConnections, count(lost.len())),
            (Gauge::BudgetUsed, used),
            (Gauge::Quarantined, count(quarantined.len())),
        ]
        .map(|(gauge, value)| Metric { gauge, value })
        .into())
    }

    /// The percentage of the day's calls that is given out.
    async fn used(&self, app: &AppId, now: Timestamp) -> Result<f64, StoreError> {
        let limits = self.apps.limits(app).await?;
        let Some(state) = self.budget.state(app).await? else {
            return Ok(0.0);
        };
        if BudgetState::closed_until(&state, now).is_some() {
            return Ok(100.0);
        }
        Ok(100.0 * f64::from(state.spent_today(now)) / f64::from(limits.per_day.max(1)))
    }
}
