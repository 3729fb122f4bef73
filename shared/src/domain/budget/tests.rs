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
    BudgetState::unspent(noon())
}

fn reserve(state: &mut BudgetState, want: u32, now: Timestamp) -> Reservation {
    let horizon = now + SignedDuration::from_secs(30);
    let (next, reservation) = state.reserve(LIMITS, CallClass::Delivery, want, now, horizon);
    *state = next;
    reservation
}

#[test]
fn no_second_exceeds_the_rate_limit_across_reservations() {
    let mut state = fresh();
    let mut moments = Vec::new();
    for (ms, want) in [(0, 3), (10, 10), (11, 1), (900, 5), (901, 2), (8_000, 4)] {
        let Reservation::Granted(more) = reserve(&mut state, want, after(ms)) else {
            panic!("no moment was granted")
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
        panic!("no moment was granted")
    };

    let seconds = moments[99].duration_since(moments[0]).as_secs_f64();
    assert!(
        99.0 / seconds >= 0.95 * 4.0,
        "{} calls a second",
        99.0 / seconds
    );
}

#[test]
fn deliveries_stop_before_the_interactive_reserve_and_resume_at_midnight() {
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
fn reserve_for_small_customers_shrinks_until_midnight() {
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

    // 9,800 for leads, of which 1,960 are reserved for small customers as the day begins.
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
fn spent_calls_and_closure_are_reset_at_midnight() {
    let state = BudgetState {
        spent: 12,
        ..fresh()
    }
    .paused(noon(), Pause::Day);
    let midnight = next_midnight(noon());

    assert_eq!(state.spent_today(noon()), 12);
    assert_eq!(state.closed_until(noon()), Some(midnight));
    assert_eq!(state.spent_today(midnight), 0);
    assert_eq!(state.closed_until(midnight), None);
}

#[test]
fn quota_pause_lasts_until_midnight_and_throttle_pause_for_its_duration() {
    let mut closed = fresh().paused(noon(), Pause::Day);
    let mut throttled = fresh().paused(noon(), Pause::For(SignedDuration::from_secs(1)));

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
fn quota_refused_within_a_minute_after_midnight_does_not_close_the_new_day() {
    let midnight: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
    let after = |ms| midnight + SignedDuration::from_millis(ms);

    for (refused_at, reopens_at) in [
        (after(-1), midnight),
        (after(0), after(60_000)),
        (after(59_999), after(60_000)),
        (after(60_000), next_midnight(midnight)),
    ] {
        assert_eq!(quota_back(refused_at), reopens_at, "{refused_at}");
        assert_eq!(
            fresh()
                .paused(refused_at, Pause::Day)
                .closed_until(refused_at),
            Some(reopens_at)
        );
    }
}

#[test]
fn moments_count_toward_the_day_they_lie_in_not_the_day_of_the_request() {
    let midnight = next_midnight(noon());
    let mut state = BudgetState {
        spent: 9_000,
        ..fresh()
    };

    let before = midnight - SignedDuration::from_secs(10);
    let Reservation::Granted(moments) = reserve(&mut state, 100, before) else {
        panic!("no moment was granted")
    };

    let tomorrows = moments.iter().filter(|moment| **moment >= midnight);
    assert_eq!(tomorrows.count(), 100 - 39);
    assert_eq!((state.day, state.spent), (day_of(midnight), 61));
    let mut remaining = 0;
    while let Reservation::Granted(more) = reserve(&mut state, 100, midnight) {
        remaining += more.len();
        state.next_call_ms = 0;
    }
    assert_eq!(remaining + 61, 9_800);
}

#[test]
fn moments_beyond_the_horizon_are_not_granted() {
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
fn missing_state_assumes_the_day_was_used_evenly() {
    assert_eq!(BudgetState::assumed(LIMITS, noon()).spent, 5_000);
}
