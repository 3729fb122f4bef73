use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::cell::Cell;
use super::faults::Faults;
use crate::domain::budget::{BudgetState, CallClass, Limits, Reservation};
use crate::domain::ids::AppId;
use crate::ports::{Budget, StoreError};

/// What applications may still call.
#[derive(Debug, Clone)]
pub struct MemoryBudget(Cell<Rows>);

#[derive(Debug, Default)]
struct Rows {
    calls: HashMap<AppId, BudgetState>,
    token_calls: HashMap<AppId, BudgetState>,
}

/// One call a second, as many as a day has.
const TOKEN_CALLS: Limits = Limits {
    per_second: 1,
    per_day: 86_400,
};

impl MemoryBudget {
    /// One that remembers nothing.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        Self(Cell::new(faults))
    }

    /// Sets an application's state, such as a day of which nothing is spent yet.
    pub fn set(&self, app: &AppId, state: BudgetState) {
        self.0.with(|rows| rows.calls.insert(app.clone(), state));
    }
}

impl Rows {
    fn calls(&mut self, app: &AppId, limits: Limits, now: Timestamp) -> &mut BudgetState {
        let state = self.calls.entry(app.clone());
        state.or_insert_with(|| BudgetState::assumed(limits, now))
    }

    fn token_calls(&mut self, app: &AppId, now: Timestamp) -> &mut BudgetState {
        let state = self.token_calls.entry(app.clone());
        state.or_insert_with(|| BudgetState::assumed(TOKEN_CALLS, now))
    }
}

impl Budget for MemoryBudget {
    async fn reserve(
        &self,
        app: &AppId,
        limits: Limits,
        class: CallClass,
        want: u32,
        now: Timestamp,
        horizon: Timestamp,
    ) -> Result<Reservation, StoreError> {
        let reserve = |rows: &mut Rows| {
            let state = rows.calls(app, limits, now);
            let (next, reservation) = state.reserve(limits, class, want, now, horizon);
            *state = next;
            reservation
        };
        self.0.step(reserve).await
    }

    async fn reserve_token_call(
        &self,
        app: &AppId,
        now: Timestamp,
        horizon: Timestamp,
    ) -> Result<Reservation, StoreError> {
        let reserve = |rows: &mut Rows| {
            let state = rows.token_calls(app, now);
            let class = CallClass::Interactive;
            let (next, reservation) = state.reserve(TOKEN_CALLS, class, 1, now, horizon);
            *state = next;
            reservation
        };
        self.0.step(reserve).await
    }

    async fn token_throttled(&self, app: &AppId, now: Timestamp) -> Result<(), StoreError> {
        let slow = |rows: &mut Rows| {
            let state = rows.token_calls(app, now);
            *state = state.token_throttled(now);
        };
        self.0.step(slow).await
    }

    async fn state(&self, app: &AppId) -> Result<Option<BudgetState>, StoreError> {
        self.0.step(|rows| rows.calls.get(app).cloned()).await
    }

    async fn throttled(
        &self,
        app: &AppId,
        limits: Limits,
        now: Timestamp,
        rest: SignedDuration,
    ) -> Result<(), StoreError> {
        let slow = |rows: &mut Rows| {
            let state = rows.calls(app, limits, now);
            *state = state.throttled(now, rest);
        };
        self.0.step(slow).await
    }

    async fn quota_exceeded(
        &self,
        app: &AppId,
        limits: Limits,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let close = |rows: &mut Rows| {
            let state = rows.calls(app, limits, now);
            *state = state.quota_exceeded(now);
        };
        self.0.step(close).await
    }
}
