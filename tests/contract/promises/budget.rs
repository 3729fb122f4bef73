use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::budget::{
    CallClass, Limits, Meter, Pause, Reservation, TOKEN_RETRY_AFTER, next_midnight,
};
use leadfeed_shared::domain::ids::AppId;
use leadfeed_shared::ports::Budget;

use crate::promise::at_once;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Budget:
    no_two_of_many_concurrent_reservations_hold_the_same_moment,
    a_day_gives_out_its_number_and_no_more,
    no_moment_lies_beyond_the_horizon,
    token_calls_are_a_second_apart_whoever_asks,
    a_throttled_application_rests_for_as_long_as_it_is_told,
    a_throttled_token_endpoint_rests_for_everybody,
    an_exceeded_quota_closes_the_day_for_everybody,
    the_state_is_shown_as_it_is,
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

async fn no_two_of_many_concurrent_reservations_hold_the_same_moment<B>(budget: B)
where
    B: Budget + Clone + 'static,
{
    let app = fresh::app();

    let told = at_once(12, |_| {
        let (budget, app) = (budget.clone(), app.clone());
        async move { reserve(&budget, &app, LIMITS, 3).await }
    })
    .await;

    let held: Vec<_> = told.into_iter().flat_map(moments).collect();
    assert_eq!(held.len(), 36);
    assert_apart(held, SignedDuration::from_millis(250));
}

async fn a_day_gives_out_its_number_and_no_more<B>(budget: B)
where
    B: Budget + Clone + 'static,
{
    let app = fresh::app();
    let few = Limits {
        per_second: 50,
        per_day: 20,
    };

    let told = at_once(8, |_| {
        let (budget, app) = (budget.clone(), app.clone());
        async move { reserve(&budget, &app, few, 3).await }
    })
    .await;

    let held: usize = told.into_iter().map(|told| moments(told).len()).sum();
    assert_eq!(held, 20);
    let spent = Reservation::NotBefore {
        at: next_midnight(at(0)),
        day_spent: true,
    };
    assert_eq!(reserve(&budget, &app, few, 1).await, spent);
}

async fn no_moment_lies_beyond_the_horizon<B: Budget>(budget: B) {
    let app = fresh::app();

    let held = moments(reserve(&budget, &app, LIMITS, 1_000).await);

    assert!(held.len() >= 100);
    assert!(held.iter().all(|moment| *moment <= at(30)));
    let rest = reserve(&budget, &app, LIMITS, 1).await;
    assert!(matches!(rest, Reservation::NotBefore { at: next, day_spent: false } if next > at(30)));
}

async fn token_calls_are_a_second_apart_whoever_asks<B>(budget: B)
where
    B: Budget + Clone + 'static,
{
    let app = fresh::app();

    let told = at_once(8, |_| {
        let (budget, app) = (budget.clone(), app.clone());
        async move { reserve_token_call(&budget, &app, 0).await }
    })
    .await;

    let held: Vec<_> = told.into_iter().flat_map(moments).collect();
    assert_eq!(held.len(), 8);
    assert_apart(held, SignedDuration::from_secs(1));
}

async fn a_throttled_application_rests_for_as_long_as_it_is_told<B: Budget>(budget: B) {
    let app = fresh::app();
    reserve(&budget, &app, LIMITS, 1).await;

    let rest = SignedDuration::from_secs(7);
    let (meter, pause) = (Meter::Api(&app, LIMITS), Pause::For(rest));
    budget.pause(meter, at(5), pause).await.unwrap();

    let class = CallClass::Delivery;
    let next = budget.reserve(meter, class, 1, at(5), at(30)).await;
    assert_eq!(next.unwrap(), Reservation::Granted(vec![at(12)]));
}

async fn a_throttled_token_endpoint_rests_for_everybody<B: Budget>(budget: B) {
    let app = fresh::app();
    let turn = reserve_token_call(&budget, &app, 0).await;
    assert_eq!(turn, Reservation::Granted(vec![at(0)]));

    let paused = budget.pause(Meter::Token(&app), at(1), Pause::For(TOKEN_RETRY_AFTER));
    paused.await.unwrap();

    let next = reserve_token_call(&budget, &app, 2).await;
    assert_eq!(next, Reservation::Granted(vec![at(6)]));
    let calls = reserve(&budget, &app, LIMITS, 1).await;
    assert_eq!(calls, Reservation::Granted(vec![at(0)]), "others go on");
}

async fn an_exceeded_quota_closes_the_day_for_everybody<B: Budget>(budget: B) {
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

async fn the_state_is_shown_as_it_is<B: Budget>(budget: B) {
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
