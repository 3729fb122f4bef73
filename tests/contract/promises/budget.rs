use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::budget::{
    CallClass, Limits, Meter, Pause, Reservation, TOKEN_RETRY_AFTER, next_midnight,
};
use leadfeed_shared::domain::ids::AppId;
use leadfeed_shared::ports::Budget;

use crate::promise::run_concurrently;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Budget:
    concurrent_reservations_get_distinct_moments_spaced_by_the_limit,
    reservations_stop_at_the_daily_limit_until_midnight,
    no_moment_is_granted_beyond_the_horizon,
    concurrent_token_calls_are_spaced_one_second_apart,
    throttled_application_gets_no_moment_until_its_pause_ends,
    throttled_token_endpoint_pauses_token_calls_but_not_api_calls,
    exceeded_quota_blocks_even_interactive_calls_until_midnight,
    budget_state_is_none_until_first_use_and_then_shows_spent_calls,
    applications_do_not_share_a_budget,
}

const LIMITS: Limits = Limits {
    per_second: 4,
    per_day: 10_000,
};

async fn reserve<B: Budget>(budget: &B, app: &AppId, limits: Limits, want: u32) -> Reservation {
    let class = CallClass::Interactive;
    let reserved = budget.reserve(Meter::Api(app, limits), class, want, at(0), at(30));
    reserved.await.unwrap()
}

async fn reserve_token_call<B: Budget>(budget: &B, app: &AppId, second: i64) -> Reservation {
    let (meter, class) = (Meter::Token(app), CallClass::Interactive);
    let reserved = budget.reserve(meter, class, 1, at(second), at(30));
    reserved.await.unwrap()
}

fn moments(reservation: Reservation) -> Vec<Timestamp> {
    match reservation {
        Reservation::Granted(moments) => moments,
        Reservation::NotBefore { .. } => vec![],
    }
}

fn assert_apart(mut moments: Vec<Timestamp>, least: SignedDuration) {
    moments.sort();
    for pair in moments.windows(2) {
        assert!(pair[1].duration_since(pair[0]) >= least);
    }
}

async fn concurrent_reservations_get_distinct_moments_spaced_by_the_limit<B>(budget: B)
where
    B: Budget + Clone + 'static,
{
    let app = fresh::app();

    let reservations = run_concurrently(12, |_| {
        let (budget, app) = (budget.clone(), app.clone());
        async move { reserve(&budget, &app, LIMITS, 3).await }
    })
    .await;

    let granted: Vec<_> = reservations.into_iter().flat_map(moments).collect();
    assert_eq!(granted.len(), 36);
    assert_apart(granted, SignedDuration::from_millis(250));
}

async fn reservations_stop_at_the_daily_limit_until_midnight<B>(budget: B)
where
    B: Budget + Clone + 'static,
{
    let app = fresh::app();
    let limits = Limits {
        per_second: 50,
        per_day: 20,
    };

    let reservations = run_concurrently(8, |_| {
        let (budget, app) = (budget.clone(), app.clone());
        async move { reserve(&budget, &app, limits, 3).await }
    })
    .await;

    let granted: usize = reservations
        .into_iter()
        .map(|reservation| moments(reservation).len())
        .sum();
    assert_eq!(granted, 20);
    let spent = Reservation::NotBefore {
        at: next_midnight(at(0)),
        day_spent: true,
    };
    assert_eq!(reserve(&budget, &app, limits, 1).await, spent);
}

async fn no_moment_is_granted_beyond_the_horizon<B: Budget>(budget: B) {
    let app = fresh::app();

    let granted = moments(reserve(&budget, &app, LIMITS, 1_000).await);

    assert!(granted.len() >= 100);
    assert!(granted.iter().all(|moment| *moment <= at(30)));
    let beyond = reserve(&budget, &app, LIMITS, 1).await;
    assert!(
        matches!(beyond, Reservation::NotBefore { at: next, day_spent: false } if next > at(30))
    );
}

async fn concurrent_token_calls_are_spaced_one_second_apart<B>(budget: B)
where
    B: Budget + Clone + 'static,
{
    let app = fresh::app();

    let reservations = run_concurrently(8, |_| {
        let (budget, app) = (budget.clone(), app.clone());
        async move { reserve_token_call(&budget, &app, 0).await }
    })
    .await;

    let granted: Vec<_> = reservations.into_iter().flat_map(moments).collect();
    assert_eq!(granted.len(), 8);
    assert_apart(granted, SignedDuration::from_secs(1));
}

async fn throttled_application_gets_no_moment_until_its_pause_ends<B: Budget>(budget: B) {
    let app = fresh::app();
    reserve(&budget, &app, LIMITS, 1).await;

    let duration = SignedDuration::from_secs(7);
    let (meter, pause) = (Meter::Api(&app, LIMITS), Pause::For(duration));
    budget.pause(meter, at(5), pause).await.unwrap();

    let class = CallClass::Delivery;
    let next = budget.reserve(meter, class, 1, at(5), at(30)).await;
    assert_eq!(next.unwrap(), Reservation::Granted(vec![at(12)]));
}

async fn throttled_token_endpoint_pauses_token_calls_but_not_api_calls<B: Budget>(budget: B) {
    let app = fresh::app();
    let first = reserve_token_call(&budget, &app, 0).await;
    assert_eq!(first, Reservation::Granted(vec![at(0)]));

    let paused = budget.pause(Meter::Token(&app), at(1), Pause::For(TOKEN_RETRY_AFTER));
    paused.await.unwrap();

    let next = reserve_token_call(&budget, &app, 2).await;
    assert_eq!(next, Reservation::Granted(vec![at(6)]));
    let calls = reserve(&budget, &app, LIMITS, 1).await;
    assert_eq!(
        calls,
        Reservation::Granted(vec![at(0)]),
        "API calls are not paused"
    );
}

async fn exceeded_quota_blocks_even_interactive_calls_until_midnight<B: Budget>(budget: B) {
    let app = fresh::app();

    let meter = Meter::Api(&app, LIMITS);
    budget.pause(meter, at(120), Pause::Day).await.unwrap();

    let midnight = next_midnight(at(120));
    let closed = Reservation::NotBefore {
        at: midnight,
        day_spent: true,
    };
    assert_eq!(reserve(&budget, &app, LIMITS, 1).await, closed);
    let class = CallClass::Delivery;
    let tomorrow = budget.reserve(meter, class, 1, midnight, midnight).await;
    assert_eq!(tomorrow.unwrap(), Reservation::Granted(vec![midnight]));
}

async fn budget_state_is_none_until_first_use_and_then_shows_spent_calls<B: Budget>(budget: B) {
    let app = fresh::app();
    assert_eq!(budget.state(&app).await.unwrap(), None);

    reserve(&budget, &app, LIMITS, 3).await;

    let state = budget.state(&app).await.unwrap().unwrap();
    assert_eq!(state.spent_today(at(0)), 3);
    assert_eq!(state.closed_until(at(0)), None);
}

async fn applications_do_not_share_a_budget<B: Budget>(budget: B) {
    let (one, other) = (fresh::app(), fresh::app());

    let first = reserve(&budget, &one, LIMITS, 1).await;

    assert_eq!(first, Reservation::Granted(vec![at(0)]));
    assert_eq!(reserve(&budget, &other, LIMITS, 1).await, first);
}
