//! The call budget of an application: its rate limit and its daily quota.
//!
//! The budget is a clock: each call gets the next free moment on it, so that the calls of all functions together keep
//! the interval that the limit allows; a day has a fixed number of moments.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::ids::AppId;

/// Limits of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Calls in any one second.
    pub per_second: u32,
    /// Calls in a UTC day.
    pub per_day: u32,
}

impl Default for Limits {
    /// What Constant Contact gives an application: 4 a second and 10,000 a UTC day.
    fn default() -> Self {
        Self {
            per_second: 4,
            per_day: 10_000,
        }
    }
}

/// How much wider than the exact interval calls are spaced, in percent: calls that leave evenly arrive less evenly, and
/// one late and four punctual ones would be five in a second. Costs 4 % of the rate.
const SLACK_PERCENT: i64 = 4;

/// The part of a day that deliveries leave for connecting accounts and for health checks, in percent.
const RESERVE_PERCENT: u32 = 2;

/// The part of a day's deliveries that is kept for customers who have had few, in percent at the start of the day. It
/// shrinks evenly until midnight, so that none of it is left over.
const SMALL_CUSTOMER_RESERVE_PERCENT: u32 = 20;

impl Limits {
    /// How many of a day's calls count as few for one customer: a hundredth.
    #[must_use]
    pub fn few(self) -> u32 {
        self.per_day / 100
    }

    /// The calls of a day that may deliver leads.
    #[must_use]
    pub fn deliveries(self) -> u32 {
        self.per_day - self.per_day * RESERVE_PERCENT / 100
    }
}

/// What a call is for, which decides how much of the day it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallClass {
    /// Delivering leads: may not touch the reserve.
    Delivery,
    /// Delivering leads of a customer who has had many of the day's calls: may not touch what is kept for the others
    /// either.
    Frequent,
    /// A person is waiting, or a connection has to be kept alive.
    Interactive,
}

/// What is known about an application's calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetState {
    /// The next free moment, in milliseconds since the UNIX epoch.
    pub next_call_ms: i64,
    /// The UTC day that `spent` counts, in days since the UNIX epoch.
    pub day: i64,
    /// Calls given out on that day.
    pub spent: u32,
    /// Nothing is given out before this moment (ms): the day's quota was refused.
    pub closed_until_ms: i64,
}

/// Moments at which calls may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// At least one.
    Granted(Vec<Timestamp>),
    /// None before this moment.
    NotBefore {
        /// The moment.
        at: Timestamp,
        /// Whether that is because the day's quota is spent.
        day_spent: bool,
    },
}

impl CallClass {
    /// How much of its day may be spent by `moment` before this class has to stop.
    fn share(self, limits: Limits, moment: Timestamp) -> u32 {
        let deliveries = limits.deliveries();
        match self {
            Self::Interactive => limits.per_day,
            Self::Delivery => deliveries,
            Self::Frequent => {
                let day_ms = moment.as_millisecond().rem_euclid(DAY_MS);
                let reserve = small_customer_reserve(limits) * (DAY_MS - day_ms) / DAY_MS;
                deliveries.saturating_sub(u32::try_from(reserve).unwrap_or(u32::MAX))
            }
        }
    }

    /// When this class gets calls again, once `spent` calls are all that it may have by `moment`.
    fn resumes_at(self, limits: Limits, spent: u32, moment: Timestamp) -> Timestamp {
        let midnight = next_midnight(moment);
        let left = i64::from(limits.deliveries().saturating_sub(spent));
        match self {
            Self::Frequent if small_customer_reserve(limits) > 0 => {
                let rest = (left * DAY_MS / small_customer_reserve(limits) - 1).max(0);
                let resumes = midnight - SignedDuration::from_millis(rest);
                resumes.max(moment)
            }
            _ => midnight,
        }
    }
}

fn small_customer_reserve(limits: Limits) -> i64 {
    i64::from(limits.deliveries()) * i64::from(SMALL_CUSTOMER_RESERVE_PERCENT) / 100
}

impl Reservation {
    fn day_spent(at: Timestamp) -> Self {
        Self::NotBefore {
            at,
            day_spent: true,
        }
    }
}

impl BudgetState {
    /// The state of a day of which nothing is spent yet.
    #[must_use]
    pub fn unspent(now: Timestamp) -> Self {
        Self {
            next_call_ms: 0,
            day: day_of(now),
            spent: 0,
            closed_until_ms: 0,
        }
    }

    /// The state to assume where none is stored: that the day so far was used evenly. A lost row must not give
    /// the day's calls out twice.
    #[must_use]
    pub fn assumed(limits: Limits, now: Timestamp) -> Self {
        let day_ms = i128::from(now.as_millisecond().rem_euclid(DAY_MS));
        let spent = i128::from(limits.per_day) * day_ms / i128::from(DAY_MS);
        Self {
            next_call_ms: now.as_millisecond(),
            spent: u32::try_from(spent).unwrap_or(limits.per_day),
            ..Self::unspent(now)
        }
    }

    /// Takes up to `want` moments, none later than `horizon`, and returns the new state. A moment counts for the day in
    /// which it lies, no matter when it is requested.
    #[must_use]
    pub fn reserve(
        &self,
        limits: Limits,
        class: CallClass,
        want: u32,
        now: Timestamp,
        horizon: Timestamp,
    ) -> (Self, Reservation) {
        let mut next = self.clone();
        if let Some(at) = next.closed_until(now) {
            return (next, Reservation::day_spent(at));
        }
        let (interval, horizon) = (interval_ms(limits), horizon.as_millisecond());
        let first = next.next_call_ms.max(now.as_millisecond());
        let (mut call, mut moments) = (first, Vec::new());
        while moments.len() < want as usize {
            let Ok(moment) = Timestamp::from_millisecond(call) else {
                break;
            };
            if day_of(moment) > next.day {
                (next.day, next.spent) = (day_of(moment), 0);
            }
            let spent = next.spent >= class.share(limits, moment);
            if spent && moments.is_empty() {
                let at = class.resumes_at(limits, next.spent, moment);
                return (next, Reservation::day_spent(at));
            }
            if spent || call > horizon {
                break;
            }
            moments.push(moment);
            (next.spent, call) = (next.spent + 1, call + interval);
        }
        if moments.is_empty() {
            let at = Timestamp::from_millisecond(first).unwrap_or(Timestamp::MAX);
            let day_spent = false;
            return (self.clone(), Reservation::NotBefore { at, day_spent });
        }
        next.next_call_ms = call;
        (next, Reservation::Granted(moments))
    }

    /// Calls given out on the UTC day of `now`.
    #[must_use]
    pub fn spent_today(&self, now: Timestamp) -> u32 {
        if self.day == day_of(now) {
            self.spent
        } else {
            0
        }
    }

    /// Until when no moments at all are given out, if that lies ahead.
    #[must_use]
    pub fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.closed_until_ms)
            .ok()
            .filter(|until| *until > now)
    }

    /// How many calls of a class could leave within `span` from now.
    #[must_use]
    pub fn available(
        &self,
        limits: Limits,
        class: CallClass,
        now: Timestamp,
        span: SignedDuration,
    ) -> u32 {
        match self.reserve(
            limits,
            class,
            limits.per_day,
            now,
            now.saturating_add(span).unwrap_or(now),
        ) {
            (_, Reservation::Granted(moments)) => u32::try_from(moments.len()).unwrap_or(u32::MAX),
            (_, Reservation::NotBefore { .. }) => 0,
        }
    }

    /// The state after an answer that asks for a pause: no call leaves before its [end](Pause::end).
    #[must_use]
    pub fn paused(&self, now: Timestamp, pause: Pause) -> Self {
        let until = pause.end(now).as_millisecond();
        let mut next = self.clone();
        match pause {
            Pause::For(_) => next.next_call_ms = next.next_call_ms.max(until),
            Pause::Day => next.closed_until_ms = until,
        }
        next
    }
}

/// Which endpoint is called, and how often an application may call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meter<'a> {
    /// The API, by the application's limits.
    Api(&'a AppId, Limits),
    /// The token endpoint: one call a second, all day.
    Token(&'a AppId),
}

impl Meter<'_> {
    /// The application that calls.
    #[must_use]
    pub fn app(&self) -> &AppId {
        match self {
            Self::Api(app, _) | Self::Token(app) => app,
        }
    }

    /// How often it may call.
    #[must_use]
    pub fn limits(&self) -> Limits {
        match self {
            Self::Api(_, limits) => *limits,
            Self::Token(_) => Limits {
                per_second: 1,
                per_day: 86_400,
            },
        }
    }
}

/// How long no call may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// For this long.
    For(SignedDuration),
    /// Until the quota is [back](quota_back).
    Day,
}

/// The shortest pause of the token endpoint after a 429, since its calls are a second apart anyway: less than a caller
/// waits for its turn.
pub const TOKEN_RETRY_AFTER: SignedDuration = SignedDuration::from_secs(5);

impl Pause {
    /// When a pause that begins now is over.
    #[must_use]
    pub fn end(self, now: Timestamp) -> Timestamp {
        match self {
            Self::For(retry_after) => now.saturating_add(retry_after).unwrap_or(now),
            Self::Day => quota_back(now),
        }
    }
}

const DAY_MS: i64 = 86_400_000;

fn day_of(now: Timestamp) -> i64 {
    now.as_millisecond().div_euclid(DAY_MS)
}

/// Spacing of calls. An application with one call a second or less is spaced by whole seconds.
fn interval_ms(limits: Limits) -> i64 {
    let exact = 1_000 / i64::from(limits.per_second.max(1));
    (exact + exact * SLACK_PERCENT / 100).max(1)
}

/// How long after midnight a refused quota may still be the old day's: the call left before, or the other side's day
/// ends a little later. Taking it for the new day's would close that day for nothing.
const DAYS_OVERLAP: SignedDuration = SignedDuration::from_mins(1);

/// When there are calls again after `quota_exceeded` came at `now`.
#[must_use]
pub fn quota_back(now: Timestamp) -> Timestamp {
    let overlap = now.saturating_add(-DAYS_OVERLAP).unwrap_or(now);
    match next_midnight(overlap) {
        midnight if midnight <= now => midnight + DAYS_OVERLAP,
        midnight => midnight,
    }
}

/// 00:00 UTC after `now`, when the next day's quota begins.
#[must_use]
pub fn next_midnight(now: Timestamp) -> Timestamp {
    Timestamp::from_millisecond((day_of(now) + 1) * DAY_MS).unwrap_or(now)
}

#[cfg(test)]
mod tests;
