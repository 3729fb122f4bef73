//! Budgets, with optimistic locking: a step is computed from a known state and written on the condition that this state
//! is still stored. A process remembers the state it wrote last, so that a step costs one write and seldom a read; what
//! is remembered is only a guess for that condition to confirm, and no answer relies on it alone.
//!
//! If no state is stored, `first_call_at` in the application's own row tells a new application, which has spent nothing
//! of its day, from one whose budget was lost, which is [assumed](crate::domain::budget::BudgetState::assumed).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;

use super::directory::DynamoDirectory;
use super::keys::{self, Key};
use super::table::{Change, Item, Write, number, read, value};
use crate::domain::budget::{BudgetState, CallClass, Meter, Pause, Reservation};
use crate::domain::ids::AppId;
use crate::locked;
use crate::ports::{Budget, StoreError};

/// How often a step is recomputed because another process was faster. Drains are few and a step takes milliseconds.
const ATTEMPTS: u32 = 12;
/// The states this process wrote last.
pub(super) type Remembered = Arc<Mutex<HashMap<Key, BudgetState>>>;

fn key(meter: Meter<'_>) -> Key {
    match meter {
        Meter::Api(app, _) => keys::budget(app),
        Meter::Token(app) => keys::token_budget(app),
    }
}

/// The known state to step from.
enum Known {
    Remembered(BudgetState),
    Stored(BudgetState),
    /// No state is stored.
    Nothing,
}

impl DynamoDirectory {
    /// One atomic step: applies `change` to the state at `now`.
    async fn step<T>(
        &self,
        meter: Meter<'_>,
        now: Timestamp,
        change: impl Fn(&BudgetState) -> (BudgetState, T),
    ) -> Result<T, StoreError> {
        let key = key(meter);
        let remembered = locked(&self.budgets).get(&key).cloned();
        let mut known = match remembered {
            Some(state) => Known::Remembered(state),
            None => self.stored(&key).await?,
        };
        for attempt in 0..ATTEMPTS {
            let (old, guessed) = match &known {
                Known::Remembered(state) => (Some(state), true),
                Known::Stored(state) => (Some(state), false),
                Known::Nothing => (None, false),
            };
            let (next, answer) = match old {
                Some(state) => change(state),
                None => change(&self.first_state(meter, now).await?),
            };
            if old == Some(&next) {
                if !guessed {
                    return Ok(answer);
                }
                known = self.stored(&key).await?;
                continue;
            }
            match self.swap(&key, old, &next).await? {
                Write::Applied(_) => {
                    locked(&self.budgets).insert(key, next);
                    return Ok(answer);
                }
                Write::Rejected(current) => {
                    known = current
                        .map(read)
                        .transpose()?
                        .map_or(Known::Nothing, Known::Stored)
                }
            }
            if attempt > 0 {
                pause().await;
            }
        }
        Err(StoreError::new("too many write to this budget at once"))
    }

    async fn stored(&self, key: &Key) -> Result<Known, StoreError> {
        let item = self.table.get(key.clone()).await?;
        let state: Option<BudgetState> = item.map(read).transpose()?;
        Ok(state.map_or(Known::Nothing, Known::Stored))
    }

    /// Replaces `old` with `next`, if `old` is still stored.
    async fn swap(
        &self,
        key: &Key,
        old: Option<&BudgetState>,
        next: &BudgetState,
    ) -> Result<Write, StoreError> {
        let mut values = vec![
            (":next_call", number(next.next_call_ms)),
            (":day", number(next.day)),
            (":spent", number(next.spent)),
            (":closed", number(next.closed_until_ms)),
        ];
        if let Some(old) = old {
            values.extend([
                (":old_next_call", number(old.next_call_ms)),
                (":old_day", number(old.day)),
                (":old_spent", number(old.spent)),
                (":old_closed", number(old.closed_until_ms)),
            ]);
        }
        let unchanged = "next_call_ms = :old_next_call AND #day = :old_day AND spent = :old_spent \
                         AND closed_until_ms = :old_closed";
        let change = Change {
            set: "SET next_call_ms = :next_call, #day = :day, spent = :spent, closed_until_ms = :closed",
            when: Some(old.map_or("attribute_not_exists(pk)", |_| unchanged)),
            values,
        };
        self.table.update(key.clone(), change).await
    }

    /// The state if none is stored: nothing spent at an application's very first call, else assumed.
    async fn first_state(
        &self,
        meter: Meter<'_>,
        now: Timestamp,
    ) -> Result<BudgetState, StoreError> {
        let assumed = BudgetState::assumed(meter.limits(), now);
        let Meter::Api(app, _) = meter else {
            return Ok(assumed);
        };
        let change = Change {
            set: "SET first_call_at = :now",
            when: Some("attribute_not_exists(first_call_at)"),
            values: vec![(":now", value(&now)?)],
        };
        Ok(match self.table.update(keys::app(app), change).await? {
            Write::Applied(_) => BudgetState {
                spent: 0,
                ..assumed
            },
            Write::Rejected(_) => assumed,
        })
    }
}

/// Waits a few milliseconds, at random, so that two processes do not collide again.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(rand::random_range(1..=25))).await;
}

impl Budget for DynamoDirectory {
    async fn reserve(
        &self,
        meter: Meter<'_>,
        class: CallClass,
        want: u32,
        now: Timestamp,
        horizon: Timestamp,
    ) -> Result<Reservation, StoreError> {
        let limits = meter.limits();
        let take = |state: &BudgetState| state.reserve(limits, class, want, now, horizon);
        self.step(meter, now, take).await
    }

    async fn pause(
        &self,
        meter: Meter<'_>,
        now: Timestamp,
        pause: Pause,
    ) -> Result<(), StoreError> {
        let rest = |state: &BudgetState| (state.paused(now, pause), ());
        self.step(meter, now, rest).await
    }

    async fn state(&self, app: &AppId) -> Result<Option<BudgetState>, StoreError> {
        let item: Option<Item> = self.table.get(keys::budget(app)).await?;
        item.map(read).transpose()
    }
}
