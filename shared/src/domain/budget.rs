//! What an application may still call.
//!
//! The budget is a clock: every call gets the next free moment on it, so calls of all functions together are spaced
//! by the interval the limit allows, and a day has a number of them.

use jiff::{SignedDuration, Timestamp, ToSpan as _, tz::TimeZone};
use serde::{Deserialize, Serialize};

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

/// Of the exact spacing, how much more is kept: calls that leave evenly arrive less evenly, and a late one
/// followed by four punctual ones would be five in a second. Costs 4 % of the rate.
const SLACK_PERCENT: i64 = 4;

/// The part of a day that deliveries leave for connecting accounts and for health checks, in percent.
const RESERVE_PERCENT: u32 = 2;

/// The part of a day's deliveries that is kept for customers who have had few of them, in percent, as the day begins.
/// It melts evenly until midnight, so that nothing of it is left over.
const KEPT_PERCENT: u32 = 20;

impl Limits {
    /// How many of a day's calls are few for one customer: a hundredth.
    #[must_use]
    pub fn few(self) -> u32 {
        self.per_day / 100
    }
}

/// Whose call it is.
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

/// What is known of an application's calls.
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
    /// Calls of its day that this class may have taken by `moment`.
    fn share(self, limits: Limits, moment: Timestamp) -> u32 {
        let deliveries = deliveries(limits);
        match self {
            Self::Interactive => limits.per_day,
            Self::Delivery => deliveries,
            Self::Frequent => {
                let day_ms = moment.as_millisecond().rem_euclid(DAY_MS);
                let kept = kept(limits) * (DAY_MS - day_ms) / DAY_MS;
                deliveries.saturating_sub(u32::try_from(kept).unwrap_or(u32::MAX))
            }
        }
    }

    /// When this class may go on, after it found `spent` calls to be all that it may have by `moment`.
    fn goes_on(self, limits: Limits, spent: u32, moment: Timestamp) -> Timestamp {
        let midnight = next_midnight(moment);
        let left = i64::from(deliveries(limits).saturating_sub(spent));
        match self {
            Self::Frequent if kept(limits) > 0 => {
                let rest = (left * DAY_MS / kept(limits) - 1).max(0);
                let back = midnight - SignedDuration::from_millis(rest);
                back.max(moment)
            }
            _ => midnight,
        }
    }
}

/// Calls of a day that are for leads.
fn deliveries(limits: Limits) -> u32 {
    limits.per_day - limits.per_day * RESERVE_PERCENT / 100
}

fn kept(limits: Limits) -> i64 {
    i64::from(deliveries(limits)) * i64::from(KEPT_PERCENT) / 100
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
    /// The state to assume where none is stored: that the day so far was used evenly. A lost row must not give
    /// the day's calls out twice.
    #[must_use]
    pub fn assumed(limits: Limits, now: Timestamp) -> Self {
        let day_ms = i128::from(now.as_millisecond().rem_euclid(DAY_MS));
        let spent = i128::from(limits.per_day) * day_ms / i128::from(DAY_MS);
        Self {
            next_call_ms: now.as_millisecond(),
            day: day_of(now),
            spent: u32::try_from(spent).unwrap_or(limits.per_day),
            closed_until_ms: 0,
        }
    }

    /// Takes up to `want` moments, none later than `horizon`; gives the state after it. A moment counts for the day it
    /// lies in, whenever it is asked for.
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
                let at = class.goes_on(limits, next.spent, moment);
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

    /// Until when nothing is given out at all, if that lies ahead.
    #[must_use]
    pub fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.closed_until_ms)
            .ok()
            .filter(|until| *until > now)
    }

    /// How many deliveries of a class could be called within `span` from now.
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

    /// After a `throttled` answer: nobody calls for a second.
    #[must_use]
    pub fn throttled(&self, now: Timestamp) -> Self {
        Self {
            next_call_ms: self.next_call_ms.max(now.as_millisecond() + 1_000),
            ..self.clone()
        }
    }

    /// After a `quota_exceeded` answer that came at `now`: nobody calls before the quota is [back](quota_back).
    #[must_use]
    pub fn quota_exceeded(&self, now: Timestamp) -> Self {
        Self {
            closed_until_ms: quota_back(now).as_millisecond(),
            ..self.clone()
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

/// Deals moments out, one to each in turn, until they are gone or everybody has what they want: whoever wants little
/// has it before anybody has much.
#[must_use]
pub fn deal(moments: Vec<Timestamp>, wants: &[u32]) -> Vec<Vec<Timestamp>> {
    let mut shares: Vec<Vec<Timestamp>> = vec![Vec::new(); wants.len()];
    let mut moments = moments.into_iter();
    let most = wants.iter().max().copied().unwrap_or(0);
    for round in 0..most {
        let still = shares
            .iter_mut()
            .zip(wants)
            .filter(|(_, want)| **want > round);
        for (share, _) in still {
            share.extend(moments.next());
        }
    }
    shares
}

/// How long after midnight a refused quota may still be the old day's: the call left before, or the other side's day
/// ends a little later than ours. To take it for the new day's would close that for nothing.
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

/// 00:00 UTC after `now`, when the day's quota begins anew.
#[must_use]
pub fn next_midnight(now: Timestamp) -> Timestamp {
    let today = now.to_zoned(TimeZone::UTC);
    let tomorrow = today
        .start_of_day()
        .and_then(|day| day.checked_add(1.day()));
    tomorrow.map_or_else(
        |_| {
            now.saturating_add(SignedDuration::from_hours(24))
                .unwrap_or(now)
        },
        |day| day.timestamp(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        per_second: 4,
        per_day: 10_000,
    };

    fn noon() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn after(ms: i64) -> Timestamp {
        noon() + SignedDuration::from_millis(ms)
    }

    fn fresh() -> BudgetState {
        BudgetState {
            next_call_ms: 0,
            day: day_of(noon()),
            spent: 0,
            closed_until_ms: 0,
        }
    }

    fn reserve(state: &mut BudgetState, want: u32, now: Timestamp) -> Reservation {
        let horizon = now + SignedDuration::from_secs(30);
        let (next, reservation) = state.reserve(LIMITS, CallClass::Delivery, want, now, horizon);
        *state = next;
        reservation
    }

    #[test]
    fn no_second_holds_more_calls_than_the_limit_whoever_reserves() {
        let mut state = fresh();
        let mut moments = Vec::new();
        for (ms, want) in [(0, 3), (10, 10), (11, 1), (900, 5), (901, 2), (8_000, 4)] {
            let Reservation::Granted(more) = reserve(&mut state, want, after(ms)) else {
                panic!("closed")
            };
            moments.extend(more);
        }

        assert_eq!(moments.len(), 25);
        for window in moments.windows(5) {
            assert!(window[4].duration_since(window[0]) > SignedDuration::from_secs(1));
        }
    }

    #[test]
    fn at_least_95_percent_of_the_rate_is_used() {
        let mut state = fresh();
        let Reservation::Granted(moments) = reserve(&mut state, 100, noon()) else {
            panic!("closed")
        };

        let seconds = moments[99].duration_since(moments[0]).as_secs_f64();
        assert!(
            99.0 / seconds >= 0.95 * 4.0,
            "{} calls a second",
            99.0 / seconds
        );
    }

    #[test]
    fn a_day_ends_at_its_number_and_leaves_the_reserve() {
        let mut state = BudgetState {
            spent: 9_799,
            ..fresh()
        };

        assert_eq!(
            reserve(&mut state, 10, noon()),
            Reservation::Granted(vec![noon()])
        );
        let midnight = "2026-11-24T00:00:00Z".parse().unwrap();
        assert_eq!(
            reserve(&mut state, 1, after(5)),
            Reservation::NotBefore {
                at: midnight,
                day_spent: true
            }
        );
        let (_, interactive) = state.reserve(
            LIMITS,
            CallClass::Interactive,
            1,
            after(5_000),
            after(9_000),
        );
        assert_eq!(interactive, Reservation::Granted(vec![after(5_000)]));
        assert!(matches!(
            reserve(&mut state, 1, midnight),
            Reservation::Granted(_)
        ));
        assert_eq!(state.spent, 1);
    }

    #[test]
    fn what_is_kept_for_customers_who_had_few_melts_until_midnight() {
        let frequent = |spent, now: Timestamp| {
            let state = BudgetState { spent, ..fresh() };
            let horizon = now + SignedDuration::from_secs(1);
            state
                .reserve(LIMITS, CallClass::Frequent, 1, now, horizon)
                .1
        };
        let evening = after(6 * 3_600_000 + 1); // less than a quarter of the day is left
        let midnight = next_midnight(noon());
        let spent = |at| Reservation::day_spent(at);

        // 9,800 for leads, of which 1,960 are kept as the day begins.
        assert!(matches!(frequent(8_819, noon()), Reservation::Granted(_)));
        assert_eq!(frequent(9_310, noon()), spent(evening));
        assert!(matches!(frequent(9_310, evening), Reservation::Granted(_)));
        assert_eq!(frequent(9_800, noon()), spent(midnight));
        let late = midnight - SignedDuration::from_secs(1);
        assert!(matches!(frequent(9_799, late), Reservation::Granted(_)));
        let few = CallClass::Delivery.share(LIMITS, noon());
        assert_eq!((few, LIMITS.few()), (9_800, 100));
    }

    #[test]
    fn what_was_spent_and_closed_is_yesterdays_after_midnight() {
        let state = BudgetState {
            spent: 12,
            ..fresh()
        }
        .quota_exceeded(noon());
        let midnight = next_midnight(noon());

        assert_eq!(state.spent_today(noon()), 12);
        assert_eq!(state.closed_until(noon()), Some(midnight));
        assert_eq!(state.spent_today(midnight), 0);
        assert_eq!(state.closed_until(midnight), None);
    }

    #[test]
    fn a_refused_quota_closes_the_app_until_midnight_and_a_throttle_for_a_second() {
        let mut closed = fresh().quota_exceeded(noon());
        let mut throttled = fresh().throttled(noon());

        let midnight = "2026-11-24T00:00:00Z".parse().unwrap();
        assert_eq!(
            reserve(&mut closed, 1, noon()),
            Reservation::NotBefore {
                at: midnight,
                day_spent: true
            }
        );
        assert_eq!(
            reserve(&mut throttled, 1, noon()),
            Reservation::Granted(vec![after(1_000)])
        );
    }

    #[test]
    fn a_quota_refused_just_after_midnight_is_the_old_days_and_does_not_close_the_new_one() {
        let midnight: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
        let after = |ms| midnight + SignedDuration::from_millis(ms);

        for (came, back) in [
            (after(-1), midnight),
            (after(0), after(60_000)),
            (after(59_999), after(60_000)),
            (after(60_000), next_midnight(midnight)),
        ] {
            assert_eq!(quota_back(came), back, "{came}");
            assert_eq!(fresh().quota_exceeded(came).closed_until(came), Some(back));
        }
    }

    #[test]
    fn a_moment_counts_for_the_day_it_lies_in_whenever_it_is_asked_for() {
        let midnight = next_midnight(noon());
        let mut state = BudgetState {
            spent: 9_000,
            ..fresh()
        };

        let before = midnight - SignedDuration::from_secs(10);
        let Reservation::Granted(moments) = reserve(&mut state, 100, before) else {
            panic!("closed")
        };

        let tomorrows = moments.iter().filter(|moment| **moment >= midnight);
        assert_eq!(tomorrows.count(), 100 - 39);
        assert_eq!((state.day, state.spent), (day_of(midnight), 61));
        let mut rest = 0;
        while let Reservation::Granted(more) = reserve(&mut state, 100, midnight) {
            rest += more.len();
            state.next_call_ms = 0;
        }
        assert_eq!(rest + 61, 9_800);
    }

    #[test]
    fn calls_beyond_the_horizon_are_not_given_out() {
        let mut state = BudgetState {
            next_call_ms: after(60_000).as_millisecond(),
            ..fresh()
        };

        assert_eq!(
            reserve(&mut state, 1, noon()),
            Reservation::NotBefore {
                at: after(60_000),
                day_spent: false
            }
        );
    }

    #[test]
    fn who_wants_little_has_it_before_anybody_has_much() {
        let moments: Vec<_> = (0..6).map(after).collect();

        let shares = deal(moments, &[9, 1, 2]);

        let of = |share: &[i64]| share.iter().map(|ms| after(*ms)).collect::<Vec<_>>();
        assert_eq!(shares, [of(&[0, 3, 5]), of(&[1]), of(&[2, 4])]);
    }

    #[test]
    fn a_lost_row_is_taken_for_an_even_day() {
        assert_eq!(BudgetState::assumed(LIMITS, noon()).spent, 5_000);
    }
}
