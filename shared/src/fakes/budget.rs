use std::collections::HashMap;

use jiff::Timestamp;

use super::cell::Cell;
use super::faults::Faults;
use crate::domain::budget::{BudgetState, CallClass, Meter, Pause, Reservation};
use crate::domain::ids::AppId;
use crate::ports::{Budget, StoreError};

/// The budgets of applications.
#[derive(Debug, Clone)]
pub struct MemoryBudget(Cell<Rows>);

#[derive(Debug, Default)]
struct Rows {
    calls: HashMap<AppId, BudgetState>,
    token_calls: HashMap<AppId, BudgetState>,
}

impl MemoryBudget {
    /// One without any state.
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
    fn state(&mut self, meter: Meter<'_>, now: Timestamp) -> &mut BudgetState {
        let states = match meter {
            Meter::Api(..) => &mut self.calls,
            Meter::Token(_) => &mut self.token_calls,
        };
        let state = states.entry(meter.app().clone());
        state.or_insert_with(|| BudgetState::assumed(meter.limits(), now))
    }
}

impl Budget for MemoryBudget {
    async fn reserve(
        &self,
        meter: Meter<'_>,
        class: CallClass,
        want: u32,
        now: Timestamp,
        horizon: Timestamp,
    ) -> Result<Reservation, StoreError> {
        let reserve = |rows: &mut Rows| {
            let state = rows.state(meter, now);
            let (next, reservation) = state.reserve(meter.limits(), class, want, now, horizon);
            *state = next;
            reservation
        };
        self.0.step(reserve).await
    }

    async fn pause(
        &self,
        meter: Meter<'_>,
        now: Timestamp,
        pause: Pause,
    ) -> Result<(), StoreError> {
        let rest = |rows: &mut Rows| {
            let state = rows.state(meter, now);
            *state = state.paused(now, pause);
        };
        self.0.step(rest).await
    }

    async fn state(&self, app: &AppId) -> Result<Option<BudgetState>, StoreError> {
        self.0.step(|rows| rows.calls.get(app).cloned()).await
    }
}
