//! Calls stay within the limits, whatever they are for and whenever they are made.

use jiff::{SignedDuration, Timestamp};

use super::days::another_customer;
use super::waits;
use crate::app::scene::{ACCOUNT, NOON, Scene};
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::form::Form;
use crate::domain::ids::LeadId;
use crate::domain::lead::WaitReason;
use crate::fakes::{Call, RemoteLimits, VirtualClock};
use crate::ports::{Clock as _, Ledger as _};

#[tokio::test]
async fn quota_error_just_after_midnight_does_not_block_the_new_day() {
    let scene = Scene::connected().await;
    let clock = &scene.memory.clock;
    clock.advance_to("2026-11-24T00:00:05Z".parse().unwrap());
    let lead = scene.sign_up("ada@example.com").await;
    scene.memory.crm.fail_next(CrmError::QuotaExceeded);

    scene.drain().await;

    assert_eq!(scene.state(&lead).await, waits(WaitReason::Quota));
    clock.advance_to("2026-11-24T00:02:30Z".parse().unwrap());
    assert_eq!(scene.memory.release().await.unwrap().waited, 1);
    scene.drain().await;
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn exhausted_quota_stops_calls_for_all_customers_until_after_midnight() {
    let scene = Scene::connected().await;
    let looms = another_customer(&scene, "looms").await;
    let looms = Scene {
        form: Form {
            id: "frm_01ARZ3NDEKTSV4RRFFQ69G5FAW".parse().unwrap(),
            customer: looms.clone(),
            ..scene.form.clone()
        },
        memory: scene.memory.clone(),
        customer: looms,
        list: scene.list.clone(),
    };
    let lead = scene.sign_up("ada@example.com").await;
    scene.memory.crm.fail_next(CrmError::QuotaExceeded);

    let mut to_redeliver = scene.drain().await;
    let other = looms.sign_up("bob@example.com").await;
    to_redeliver.extend(scene.drain().await);

    assert!(to_redeliver.is_empty());
    let midnight: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
    let mut due = Vec::new();
    for (scene, lead) in [(&scene, &lead), (&looms, &other)] {
        assert_eq!(scene.state(lead).await, waits(WaitReason::Quota));
        let record = scene.memory.ledger.peek(&scene.customer, lead).unwrap();
        let after = record.due_at.unwrap().duration_since(midnight);
        assert!((0..60).contains(&after.as_secs()), "{after}");
        due.push(after);
    }
    assert_ne!(
        due[0], due[1],
        "the leads are not all due at the same moment"
    );
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
    let clock = &scene.memory.clock;
    clock.advance_to("2026-11-23T23:59:00Z".parse().unwrap());
    assert_eq!(scene.memory.release().await.unwrap().waited, 0);
    clock.advance_to("2026-11-24T00:05:00Z".parse().unwrap());
    assert_eq!(scene.memory.release().await.unwrap().waited, 2);
}

#[test]
fn long_addresses_needing_three_calls_stay_within_the_rate_limit() {
    let clock = VirtualClock::manual(NOON.parse().unwrap());
    clock.drive(deliver_long_addresses(clock.clone()));
}

async fn deliver_long_addresses(clock: VirtualClock) {
    let scene = Scene::connected_at(clock).await;
    let crm = &scene.memory.crm;
    let address = |n| format!("{n}{}@analytical-engines.example", "a".repeat(40));
    for n in 0..5 {
        scene.sign_up(&address(n)).await;
    }
    scene.drain().await;
    scene.memory.clock.advance(SignedDuration::from_mins(2));
    let limits = RemoteLimits {
        per_second: Some(4),
        ..RemoteLimits::default()
    };
    crm.set_limits(limits);

    let mut leads = Vec::new();
    for n in 0..10 {
        leads.push(scene.sign_up(&address(n)).await);
    }
    scene.drain().await;

    for lead in &leads {
        assert_eq!(scene.state(lead).await.as_str(), "delivered");
    }
    let calls = [Call::SignUp, Call::Make, Call::Read, Call::Replace];
    let counts = calls.map(|call| crm.count(call));
    assert_eq!(counts, [0, 15, 5, 5], "a throttled call was repeated");
}

/// The delays before each retry of a lead that keeps failing, in seconds.
async fn delays(
    scene: &Scene,
    lead: &LeadId,
    transient_failures: usize,
    error: &CrmError,
) -> Vec<i64> {
    let (clock, mut delays) = (&scene.memory.clock, Vec::new());
    for _ in 0..transient_failures {
        scene.memory.crm.fail_next(error.clone());
        scene.drain().await;
        let now = clock.now();
        let record = scene.memory.ledger.lead(&scene.customer, lead).await;
        let due: Timestamp = record.unwrap().unwrap().due_at.unwrap();
        delays.push(due.duration_since(now).as_secs());
        clock.advance_to(due);
        assert_eq!(scene.memory.release().await.unwrap().waited, 1);
    }
    delays
}

#[tokio::test]
async fn repeated_failures_back_off_and_the_timeline_stays_bounded() {
    let scene = Scene::connected().await;
    let lead = scene.sign_up("ada@example.com").await;

    let delays = delays(&scene, &lead, 150, &CrmError::Unavailable).await;

    assert!(delays[0] <= 30, "{delays:?}");
    assert!(delays[4] >= 240, "{delays:?}");
    assert!(
        delays[15..].iter().all(|delay| *delay >= 3 * 3_600),
        "{delays:?}"
    );
    let record = scene.memory.ledger.lead(&scene.customer, &lead).await;
    assert!(record.unwrap().unwrap().timeline.len() <= 102);
    scene.drain().await;
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn waits_for_quota_do_not_lengthen_the_backoff() {
    let scene = Scene::connected().await;
    let lead = scene.sign_up("ada@example.com").await;
    for _ in 0..10 {
        delays(&scene, &lead, 1, &CrmError::QuotaExceeded).await;
    }

    let delays = delays(&scene, &lead, 1, &CrmError::Unavailable).await;

    assert!(delays[0] <= 30, "{delays:?}");
}

#[tokio::test]
async fn lead_is_tried_at_most_fifteen_times_a_day_while_no_token_is_available() {
    let scene = Scene::connected().await;
    let lead = scene.sign_up("ada@example.com").await;
    let clock = &scene.memory.clock;
    clock.advance(SignedDuration::from_hours(25));
    let mut tries = 0;
    let until = clock.now() + SignedDuration::from_hours(24);
    while clock.now() < until {
        let error = crate::ports::TokenError::Unavailable;
        scene.memory.crm.fail_next_token_call(error);
        scene.drain().await;
        tries += 1;
        while scene.memory.queue.sent().is_empty() {
            clock.advance(SignedDuration::from_mins(1));
            scene.memory.release().await.unwrap();
        }
    }

    assert!(tries <= 15, "{tries} tries in a day");
    scene.drain().await;
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn leads_of_one_address_exceeding_the_list_limit_go_out_in_two_calls() {
    let mut scene = Scene::connected().await;
    let (form, count) = (scene.form.clone(), 30);
    let mut leads = Vec::new();
    for other in [
        "frm_01ARZ3NDEKTSV4RRFFQ69G5FAW",
        "frm_01ARZ3NDEKTSV4RRFFQ69G5FAX",
    ] {
        scene.form = form.clone();
        scene.form.id = other.parse().unwrap();
        let list = |n| scene.memory.crm.add_list(ACCOUNT, &format!("{other}{n}"));
        scene.form.lists = (0..count).map(list).collect();
        let directory = &scene.memory.directory;
        crate::ports::Forms::put_form(directory, &scene.form)
            .await
            .unwrap();
        leads.push(scene.sign_up("ada@example.com").await);
    }

    scene.drain().await;
    assert_eq!(scene.state(&leads[0]).await.as_str(), "delivered");
    assert_eq!(scene.state(&leads[1]).await.as_str(), "waiting");
    scene.memory.clock.advance(SignedDuration::from_mins(1));
    scene.memory.release().await.unwrap();
    scene.drain().await;

    assert_eq!(scene.state(&leads[1]).await.as_str(), "delivered");
    let contact = scene.memory.crm.contacts(ACCOUNT).pop().unwrap();
    assert_eq!(contact.lists.len(), 2 * count);
}

#[tokio::test]
async fn conflict_is_retried_once_after_a_pause() {
    for conflicts in [1, 2] {
        let scene = Scene::connected().await;
        let lead = scene.sign_up("ada@example.com").await;
        for _ in 0..conflicts {
            let conflict = CrmError::Conflict(Refusal::default());
            scene.memory.crm.fail_next(conflict);
        }

        scene.drain().await;

        let calls = scene.memory.crm.calls();
        let [(first, _), (second, _)] = calls[..] else {
            panic!("{calls:?}")
        };
        assert!(second.duration_since(first) >= SignedDuration::from_millis(300));
        match conflicts {
            1 => assert_eq!(scene.state(&lead).await.as_str(), "delivered"),
            _ => assert_eq!(scene.state(&lead).await, waits(WaitReason::Upstream)),
        }
    }
}

#[tokio::test]
async fn drain_without_time_for_a_call_makes_its_lead_wait_without_redelivery() {
    let scene = Scene::connected().await;
    let lead = scene.sign_up("ada@example.com").await;
    let deadline = scene.memory.clock.now() + SignedDuration::from_secs(10);

    let drain = scene.memory.drain();
    let to_redeliver = drain.drain(scene.messages(), deadline).await;

    assert!(to_redeliver.is_empty());
    assert_eq!(scene.memory.crm.calls(), []);
    assert_eq!(scene.state(&lead).await, waits(WaitReason::Quota));
    scene.memory.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(scene.memory.release().await.unwrap().waited, 1);
    scene.drain().await;
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}
