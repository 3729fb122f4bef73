//! The order of calls, and that no customer or lead holds up another.

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
fn connecting_person_does_not_wait_behind_all_calls_of_five_drains() {
    let clock = VirtualClock::manual(NOON.parse().unwrap());
    clock.drive(run_five_drains(clock.clone()));
}

async fn run_five_drains(clock: VirtualClock) {
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
    let drains = batches.into_iter().map(|batch| scene.drain_messages(batch));

    let (to_redeliver, connection) = join(join_all(drains), connect).await;

    assert!(matches!(connection, Next::At(_)), "{connection:?}");
    assert!(to_redeliver.iter().all(Vec::is_empty));
    let all = scene.memory.ledger.all();
    assert!(all.iter().all(|lead| lead.state.as_str() == "delivered"));
    let calls = crm.calls();
    let sign_up = |(_, call): &(Timestamp, Call)| *call == Call::SignUp;
    assert!(
        calls.len() == 50 && calls.iter().all(sign_up),
        "no call was repeated"
    );
    let took = calls[49].0.duration_since(calls[0].0);
    let moments = 50 + 3;
    assert!(took <= SignedDuration::from_millis(262) * moments, "{took}");
}

#[tokio::test]
async fn refused_value_affects_only_the_lead_that_has_it() {
    for newest_has_it in [true, false] {
        let scene = Scene::connected().await;
        let (clock, crm) = (&scene.memory.clock, &scene.memory.crm);
        let submit = async |field, value| {
            let fields = [("email", "ada@example.com"), (field, value)];
            scene.submit(&fields).await.lead
        };
        let older = submit("company_name", "Engines").await;
        let newest = submit("job_title", "Countess").await;
        let refuse = || crm.fail_next(invalid("custom_fields: a value is not valid"));
        refuse();
        if newest_has_it {
            refuse();
        }

        scene.drain().await;

        assert_eq!(scene.state(&older).await.as_str(), "waiting");
        clock.advance(SignedDuration::from_mins(1));
        assert_eq!(scene.memory.release().await.unwrap().waited, 1);
        if !newest_has_it {
            refuse();
        }
        scene.drain().await;
        let states = [&older, &newest].map(async |lead| scene.state(lead).await.as_str());
        let expected = if newest_has_it {
            ["delivered", "refused"]
        } else {
            ["refused", "delivered"]
        };
        assert_eq!(join_all(states).await, expected);
    }
}

/// How many moments of the day are used, and when the next one is.
async fn budget_use(scene: &Scene) -> (u32, Timestamp) {
    let state = scene.memory.budget.state(&AppId::default_app()).await;
    let state = state.unwrap().unwrap();
    let next = Timestamp::from_millisecond(state.next_call_ms);
    (state.spent, next.unwrap())
}

/// Submits a lead whose consent is so old that it is checked against opt-outs.
async fn submit_with_old_consent(scene: &Scene, email: &str) {
    let given_at = ("consent_given_at", "2026-11-20T09:00:00Z");
    scene.submit(&[("email", email), given_at]).await;
}

#[test]
fn slow_look_up_does_not_waste_the_moment_of_the_sign_up_after_it() {
    let clock = VirtualClock::manual(NOON.parse().unwrap());
    clock.drive(run_ten_look_ups(clock.clone()));
}

async fn run_ten_look_ups(clock: VirtualClock) {
    let mut scene = Scene::connected_at(clock).await;
    let crm = scene.memory.crm.clone();
    crm.slow_down(Call::Find, SignedDuration::from_millis(400));
    for n in 0..10 {
        scene.form.customer = another_customer(&scene, &format!("customer-{n}")).await;
        submit_with_old_consent(&scene, &format!("{n}@example.com")).await;
    }
    let (before, _) = budget_use(&scene).await;

    scene.drain().await;

    let counts = [Call::Find, Call::SignUp].map(|call| crm.count(call));
    assert_eq!((counts, crm.calls().len()), ([10, 10], 20));
    assert_eq!(budget_use(&scene).await.0 - before, 20);
}

#[test]
fn slow_list_of_opt_outs_wastes_no_moments_and_delays_no_other_calls() {
    let clock = VirtualClock::manual(NOON.parse().unwrap());
    clock.drive(run_slow_list(clock.clone()));
}

async fn run_slow_list(clock: VirtualClock) {
    let scene = Scene::connected_at(clock.clone()).await;
    let (crm, slow) = (&scene.memory.crm, SignedDuration::from_secs(8));
    crm.slow_down(Call::OptOuts, slow);
    for n in 0..5 {
        submit_with_old_consent(&scene, &format!("{n}@example.com")).await;
    }
    let ((before, _), began) = (budget_use(&scene).await, clock.now());

    scene.drain().await;

    assert_eq!(crm.count(Call::SignUp), 5);
    let (spent, next) = budget_use(&scene).await;
    assert_eq!(spent - before, 6);
    let interval = SignedDuration::from_millis(260);
    assert_eq!(next, began + slow + interval * 5);
}

#[tokio::test]
async fn leads_held_back_by_a_failed_list_of_opt_outs_take_no_moments() {
    let scene = Scene::connected().await;
    for n in 0..5 {
        submit_with_old_consent(&scene, &format!("{n}@example.com")).await;
    }
    scene.submit(&[("email", "fresh@example.com")]).await;
    let (before, _) = budget_use(&scene).await;
    scene.memory.crm.fail_next(CrmError::Unavailable);

    scene.drain().await;

    let counts = [Call::OptOuts, Call::SignUp].map(|call| scene.memory.crm.count(call));
    assert_eq!(counts, [1, 1]);
    assert_eq!(budget_use(&scene).await.0 - before, 2);
    let all = scene.memory.ledger.all();
    let waiting = all.iter().filter(|lead| lead.state.as_str() == "waiting");
    assert_eq!(waiting.count(), 5);
}

#[tokio::test]
async fn moment_missed_because_of_a_slow_store_is_replaced_by_the_next_one() {
    let scene = Scene::connected().await;
    let (clock, crm) = (&scene.memory.clock, &scene.memory.crm);
    for _ in 0..3 {
        scene.submit(&[("email", "ada@example.com")]).await;
        clock.advance(SignedDuration::from_mins(2));
    }
    let messages = scene.messages();
    scene.drain_messages(messages[1..].to_vec()).await;
    let ((before, _), calls) = (budget_use(&scene).await, crm.calls().len());

    // The late lead has got its moment, and the ledger is searched for newer leads.
    let mut drain = pin!(scene.drain_messages(messages[..1].to_vec()));
    while budget_use(&scene).await.0 == before {
        assert!(poll!(drain.as_mut()).is_pending());
    }
    clock.advance(SignedDuration::from_secs(8));
    let now = clock.now();
    drain.await;

    assert_eq!(crm.calls()[calls..], [(now, Call::SignUp)]);
}
