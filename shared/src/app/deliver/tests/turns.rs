//! Who goes first, and who costs whom nothing.

use futures_util::future::{join, join_all};
use jiff::{SignedDuration, Timestamp};

use super::invalid;
use crate::app::moment::{Awaited, await_moment};
use crate::app::scene::{NOON, Scene, drive};
use crate::domain::budget::{CallClass, Limits};
use crate::domain::ids::AppId;
use crate::fakes::{Call, RemoteLimits, VirtualClock};
use crate::ports::{Budget as _, Clock as _};

#[test]
fn a_person_who_connects_does_not_wait_behind_all_that_five_drains_have_to_call() {
    let clock = VirtualClock::standing(NOON.parse().unwrap());
    drive(&clock, five_drains(clock.clone()));
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
        budget.reserve(app, Limits::default(), class, want, from, horizon)
    };
    let connect = async {
        let at = began + SignedDuration::from_secs(1);
        clock.sleep_until(at).await;
        await_moment(&clock, 2, reserve).await.unwrap()
    };
    let drains = batches.into_iter().map(|batch| scene.drain_these(batch));

    let (again, connects) = join(join_all(drains), connect).await;

    assert_eq!(connects, Awaited::Now);
    assert!(again.iter().all(Vec::is_empty));
    let all = scene.memory.ledger.all();
    assert!(all.iter().all(|lead| lead.state.word() == "delivered"));
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
        let refuse = || crm.answer_next(invalid("a value is not valid"));
        refuse();
        if newest_brings_it {
            refuse();
        }

        scene.drain().await;

        assert_eq!(scene.state(&older).await.word(), "waiting");
        clock.advance(SignedDuration::from_mins(1));
        assert_eq!(scene.memory.release().run().await.unwrap().waited, 1);
        if !newest_brings_it {
            refuse();
        }
        scene.drain().await;
        let words = [&older, &newest].map(async |lead| scene.state(lead).await.word());
        let expected = if newest_brings_it {
            ["delivered", "refused"]
        } else {
            ["refused", "delivered"]
        };
        assert_eq!(join_all(words).await, expected);
    }
}
