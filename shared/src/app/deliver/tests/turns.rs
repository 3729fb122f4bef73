//! Who goes first, and that nobody costs anybody else anything.

use std::pin::pin;

use futures_util::future::{join, join_all};
use futures_util::poll;
use jiff::{SignedDuration, Timestamp};

use super::days::another_customer;
use super::invalid;
use crate::app::moment::{Next, await_moment};
use crate::app::scene::{NOON, Scene};
use crate::domain::budget::{CallClass, Limits, Meter};
use crate::domain::crm::CrmError;
use crate::domain::ids::AppId;
use crate::fakes::{Call, RemoteLimits, VirtualClock};
use crate::ports::{Budget as _, Clock as _};

#[test]
fn a_person_who_connects_does_not_wait_behind_all_that_five_drains_have_to_call() {
    let clock = VirtualClock::standing(NOON.parse().unwrap());
    clock.drive(five_drains(clock.clone()));
}

async fn five_drains(clock: VirtualClock) {
    let scene = Scene::connected_at(clock.clone()).await;
    let crm = &scene.memory.crm;
    crm.set_limits(RemoteLimits {
        per_second: Some(4),
        ..RemoteLimits::default()
    });
    let mut batches = Vec::new();
    for batch in 0..5 {
        for n in 0..10 {
            let email = format!("{batch}-{n}@example.com");
            scene.submit(&[("email", &email)]).await;
        }
        batches.push(scene.messages());
    }
    let (app, began) = (&AppId::default_app(), clock.now());
    let (budget, class) = (&scene.memory.budget, CallClass::Interactive);
    let reserve = |want: u32, from: Timestamp| {
        let horizon = clock.now() + SignedDuration::from_secs(8);
        budget.reserve(
            Meter::Api(app, Limits::default()),
            class,
            want,
            from,
            horizon,
        )
    };
    let connect = async {
        let at = began + SignedDuration::from_secs(1);
        clock.sleep_until(at).await;
        await_moment(&clock, 2, reserve).await.unwrap()
    };
    let drains = batches.into_iter().map(|batch| scene.drain_these(batch));

    let (again, connects) = join(join_all(drains), connect).await;

    assert!(matches!(connects, Next::At(_)), "{connects:?}");
    assert!(again.iter().all(Vec::is_empty));
    let all = scene.memory.ledger.all();
    assert!(all.iter().all(|lead| lead.state.as_str() == "delivered"));
    let calls = crm.calls();
    let sign_up = |(_, call): &(Timestamp, Call)| *call == Call::SignUp;
    assert!(calls.len() == 50 && calls.iter().all(sign_up), "none twice");
    let took = calls[49].0.duration_since(calls[0].0);
    let moments = 50 + 3;
    assert!(took <= SignedDuration::from_millis(262) * moments, "{took}");
}

#[tokio::test]
async fn a_value_that_is_refused_costs_only_the_lead_that_brings_it() {
    for newest_brings_it in [true, false] {
        let scene = Scene::connected().await;
        let (clock, crm) = (&scene.memory.clock, &scene.memory.crm);
        let submit = async |field, value| {
            let fields = [("email", "ada@example.com"), (field, value)];
            scene.submit(&fields).await.lead
        };
        let older = submit("company_name", "Engines").await;
        let newest = submit("job_title", "Countess").await;
        let refuse = || crm.answer_next(invalid("custom_fields: a value is not valid"));
        refuse();
        if newest_brings_it {
            refuse();
        }

        scene.drain().await;

        assert_eq!(scene.state(&older).await.as_str(), "waiting");
        clock.advance(SignedDuration::from_mins(1));
        assert_eq!(scene.memory.release().await.unwrap().waited, 1);
        if !newest_brings_it {
            refuse();
        }
        scene.drain().await;
        let words = [&older, &newest].map(async |lead| scene.state(lead).await.as_str());
        let expected = if newest_brings_it {
            ["delivered", "refused"]
        } else {
            ["refused", "delivered"]
        };
        assert_eq!(join_all(words).await, expected);
    }
}

/// How many moments the day has given out, and when the next one is.
async fn given_out(scene: &Scene) -> (u32, Timestamp) {
    let state = scene.memory.budget.state(&AppId::default_app()).await;
    let state = state.unwrap().unwrap();
    let next = Timestamp::from_millisecond(state.next_call_ms);
    (state.spent, next.unwrap())
}

/// Old consents have to be checked against opt-outs.
async fn submit_old(scene: &Scene, email: &str) {
    let given_at = ("consent_given_at", "2026-11-20T09:00:00Z");
    scene.submit(&[("email", email), given_at]).await;
}

#[test]
fn a_look_up_that_takes_long_costs_the_sign_up_after_it_no_moment() {
    let clock = VirtualClock::standing(NOON.parse().unwrap());
    clock.drive(ten_look_ups(clock.clone()));
}

async fn ten_look_ups(clock: VirtualClock) {
    let mut scene = Scene::connected_at(clock).await;
    let crm = scene.memory.crm.clone();
    crm.slow_down(Call::Find, SignedDuration::from_millis(400));
    for n in 0..10 {
        scene.form.customer = another_customer(&scene, &format!("customer-{n}")).await;
        submit_old(&scene, &format!("{n}@example.com")).await;
    }
    let (before, _) = given_out(&scene).await;

    scene.drain().await;

    let counts = [Call::Find, Call::SignUp].map(|call| crm.count(call));
    assert_eq!((counts, crm.calls().len()), ([10, 10], 20));
    assert_eq!(given_out(&scene).await.0 - before, 20);
}

#[test]
fn a_list_that_takes_long_costs_the_calls_behind_it_no_moments_and_nobody_else_any_time() {
    let clock = VirtualClock::standing(NOON.parse().unwrap());
    clock.drive(a_slow_list(clock.clone()));
}

async fn a_slow_list(clock: VirtualClock) {
    let scene = Scene::connected_at(clock.clone()).await;
    let (crm, slow) = (&scene.memory.crm, SignedDuration::from_secs(8));
    crm.slow_down(Call::OptOuts, slow);
    for n in 0..5 {
        submit_old(&scene, &format!("{n}@example.com")).await;
    }
    let ((before, _), began) = (given_out(&scene).await, clock.now());

    scene.drain().await;

    assert_eq!(crm.count(Call::SignUp), 5);
    let (spent, next) = given_out(&scene).await;
    assert_eq!(spent - before, 6);
    let interval = SignedDuration::from_millis(260);
    assert_eq!(next, began + slow + interval * 5);
}

#[tokio::test]
async fn leads_that_wait_because_a_list_failed_take_no_moments() {
    let scene = Scene::connected().await;
    for n in 0..5 {
        submit_old(&scene, &format!("{n}@example.com")).await;
    }
    scene.submit(&[("email", "fresh@example.com")]).await;
    let (before, _) = given_out(&scene).await;
    scene.memory.crm.answer_next(CrmError::Unavailable);

    scene.drain().await;

    let counts = [Call::OptOuts, Call::SignUp].map(|call| scene.memory.crm.count(call));
    assert_eq!(counts, [1, 1]);
    assert_eq!(given_out(&scene).await.0 - before, 2);
    let all = scene.memory.ledger.all();
    let waiting = all.iter().filter(|lead| lead.state.as_str() == "waiting");
    assert_eq!(waiting.count(), 5);
}

#[tokio::test]
async fn a_moment_that_passed_over_a_slow_store_is_given_up_for_the_next_one() {
    let scene = Scene::connected().await;
    let (clock, crm) = (&scene.memory.clock, &scene.memory.crm);
    for _ in 0..3 {
        scene.submit(&[("email", "ada@example.com")]).await;
        clock.advance(SignedDuration::from_mins(2));
    }
    let messages = scene.messages();
    scene.drain_these(messages[1..].to_vec()).await;
    let ((before, _), calls) = (given_out(&scene).await, crm.calls().len());

    // The late lead has its moment, and the ledger is searched for newer ones.
    let mut drain = pin!(scene.drain_these(messages[..1].to_vec()));
    while given_out(&scene).await.0 == before {
        assert!(poll!(drain.as_mut()).is_pending());
    }
    clock.advance(SignedDuration::from_secs(8));
    let now = clock.now();
    drain.await;

    assert_eq!(crm.calls()[calls..], [(now, Call::SignUp)]);
}
