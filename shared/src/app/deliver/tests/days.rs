//! Many leads: the end of a day, a flood from one customer, a deleted customer.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::app::requeue::CHECK_AFTER;
use crate::app::scene::{NOON, Scene};
use crate::domain::budget::Limits;
use crate::domain::customer::Customer;
use crate::domain::ids::{AppId, CustomerId, LeadId};
use crate::domain::lead::{Lead, LeadState, RefusalReason, WaitReason};
use crate::domain::task::Task;
use crate::fakes::samples::messages;
use crate::fakes::{Call, RemoteLimits, VirtualClock};
use crate::ports::{
    Apps as _, Clock as _, Connections as _, Customers as _, Lanes as _, Ledger as _, Queue as _,
    Vault as _,
};

/// A copy of the template for another person, by its number.
fn numbered_lead(scene: &Scene, template: &Lead, customer: &CustomerId, number: usize) -> Lead {
    let mut lead = template.clone();
    let now = scene.memory.clock.now();
    lead.id = LeadId::at(now, number as u128);
    lead.customer = customer.clone();
    lead.contact.email = format!("{customer}{number}@example.com").parse().unwrap();
    lead.received_at = now;
    lead.consent.given_at = now;
    lead.sealed(&scene.memory.keys())
}

pub(super) async fn template(scene: &Scene) -> Lead {
    let lead = scene
        .submit(&[("email", "template@example.com")])
        .await
        .lead;
    let record = scene.memory.ledger.lead(&scene.customer, &lead).await;
    drop(scene.memory.queue.receive(1));
    record.unwrap().unwrap().lead
}

/// Another customer, connected to the same account.
pub(super) async fn another_customer(scene: &Scene, name: &str) -> CustomerId {
    let directory = &scene.memory.directory;
    let id: CustomerId = name.parse().unwrap();
    let customer = directory.customer(&scene.customer).await.unwrap().unwrap();
    let customer = Customer {
        id: id.clone(),
        ..customer
    };
    directory.put_customer(&customer).await.unwrap();
    let mut connection = directory
        .connection(&scene.customer)
        .await
        .unwrap()
        .unwrap();
    connection.customer = id.clone();
    directory.put_connection(&connection).await.unwrap();
    let tokens = scene.memory.vault.tokens(&scene.customer).await.unwrap();
    scene
        .memory
        .vault
        .store(&id, &tokens.unwrap())
        .await
        .unwrap();
    id
}

/// Records leads as queued; returns their tasks.
pub(super) async fn accept(
    scene: &Scene,
    template: &Lead,
    customer: &CustomerId,
    count: usize,
) -> Vec<Task> {
    let mut tasks = Vec::new();
    for number in 0..count {
        let lead = numbered_lead(scene, template, customer, number);
        let due = lead.received_at + CHECK_AFTER;
        let ledger = &scene.memory.ledger;
        ledger.record(&lead, &LeadState::Queued, due).await.unwrap();
        tasks.push(Task::Accepted {
            lead: Box::new(lead),
        });
    }
    tasks
}

pub(super) fn delivered(scene: &Scene) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for record in scene.memory.ledger.all() {
        if matches!(record.state, LeadState::Delivered { .. }) {
            *count.entry(record.lead.customer.to_string()).or_default() += 1;
        }
    }
    count
}

#[test]
fn exhausted_day_completes_small_customers_and_the_rest_follows_after_midnight() {
    let clock = VirtualClock::manual(NOON.parse().unwrap());
    clock.drive(run_exhausted_day(clock.clone()));
}

async fn run_exhausted_day(clock: VirtualClock) {
    let scene = Scene::connected_at(clock).await;
    scene.memory.crm.set_limits(RemoteLimits {
        per_day: Some(10_000),
        ..RemoteLimits::default()
    });
    // Fast enough for a day's calls within the time in which a consent is fresh.
    let app = AppId::default_app();
    let credentials = scene.memory.apps.credentials(&app, false).await;
    let limits = Limits {
        per_second: 40,
        per_day: 10_000,
    };
    let credentials = credentials.unwrap().unwrap();
    scene
        .memory
        .apps
        .put(&app, &credentials, limits)
        .await
        .unwrap();
    let template = template(&scene).await;
    let mut tasks_by_customer = Vec::new();
    for (name, count) in [("large", 9_000), ("middle", 2_900), ("small", 100)] {
        let customer = another_customer(&scene, name).await;
        tasks_by_customer.push(accept(&scene, &template, &customer, count).await);
    }
    // The queue delivers the groups' messages in turn, as a fair one does.
    let longest = tasks_by_customer.iter().map(Vec::len).max().unwrap();
    for i in 0..longest {
        let round: Vec<_> = tasks_by_customer
            .iter()
            .filter_map(|tasks| tasks.get(i).cloned())
            .collect();
        scene.memory.queue.send(&round).await.unwrap();
    }

    scene.memory.drain_all().await;

    let crm = &scene.memory.crm;
    let today = delivered(&scene);
    assert_eq!((today["small"], today["middle"]), (100, 2_900));
    assert_eq!(
        today.values().sum::<usize>(),
        9_800,
        "2 % are reserved for people who are connecting"
    );
    assert_eq!(crm.count(Call::SignUp), 9_800);
    let waits = |state: &LeadState| matches!(state, LeadState::Waiting { .. });
    let all = scene.memory.ledger.all();
    assert_eq!(
        all.iter().filter(|record| waits(&record.state)).count(),
        2_200
    );

    let midnight: Timestamp = "2026-11-24T00:01:30Z".parse().unwrap();
    scene.memory.clock.advance_to(midnight);
    for _ in 0..60 {
        scene.memory.release().await.unwrap();
        scene.memory.drain_all().await;
        scene.memory.clock.advance(SignedDuration::from_secs(60));
    }
    let all = [("large", 9_000), ("middle", 2_900), ("small", 100)];
    let all = all.map(|(name, count)| (name.to_owned(), count));
    let mut tomorrow = delivered(&scene);
    tomorrow.remove("engines"); // the template's
    assert_eq!(tomorrow, BTreeMap::from(all));
}

#[test]
fn flood_of_one_customers_leads_leaves_other_customers_their_share_of_the_day() {
    let morning = "2026-11-23T06:00:00Z".parse().unwrap();
    let clock = VirtualClock::manual(morning);
    clock.drive(run_flood(clock.clone()));
}

async fn run_flood(clock: VirtualClock) {
    let scene = Scene::connected_at(clock).await;
    scene.memory.crm.set_limits(RemoteLimits {
        per_day: Some(1_000),
        ..RemoteLimits::default()
    });
    let app = AppId::default_app();
    let credentials = scene.memory.apps.credentials(&app, false).await;
    let limits = Limits {
        per_second: 40,
        per_day: 1_000,
    };
    let credentials = credentials.unwrap().unwrap();
    let apps = &scene.memory.apps;
    apps.put(&app, &credentials, limits).await.unwrap();
    let template = template(&scene).await;
    let small = another_customer(&scene, "small").await;
    let flood = accept(&scene, &template, &scene.customer, 1_500).await;
    let drain = scene.memory.drain(); // one process, all day
    let drain_in_batches = async |tasks: &[Task]| {
        for tasks in tasks.chunks(10) {
            let deadline = scene.memory.clock.now() + SignedDuration::from_secs(58);
            assert!(drain.drain(messages(tasks), deadline).await.is_empty());
        }
    };

    drain_in_batches(&flood).await;
    let early = delivered(&scene)["engines"];
    assert!((750..840).contains(&early), "{early}");
    let noon = "2026-11-23T12:00:00Z".parse().unwrap();
    scene.memory.clock.advance_to(noon);
    let one = accept(&scene, &template, &small, 1).await;
    drain_in_batches(&one).await;
    assert_eq!(delivered(&scene)["small"], 1);
    assert!(scene.memory.clock.now().duration_since(noon) < SignedDuration::from_mins(1));

    while scene.memory.clock.now() < "2026-11-23T23:58:00Z".parse().unwrap() {
        scene.memory.release().await.unwrap();
        drain_in_batches(&scene.memory.queue.receive(1_000)).await;
        scene.memory.clock.advance(SignedDuration::from_mins(1));
    }
    let calls = scene.memory.crm.calls().len();
    assert!(
        (970..=980).contains(&calls),
        "the whole day is used: {calls}"
    );
    let all = delivered(&scene)["engines"];
    assert!(all > 930, "old leads share lists of opt-outs: {all}");
}

#[tokio::test]
async fn lead_is_not_delayed_by_fifty_thousand_leads_of_another_customer() {
    let scene = Scene::connected().await;
    let template = template(&scene).await;
    let (large, small) = (
        scene.customer.clone(),
        another_customer(&scene, "small").await,
    );
    let now = scene.memory.clock.now();
    let quota = LeadState::waiting(WaitReason::Quota);
    for (customer, count) in [(&large, 50_000), (&small, 1)] {
        for number in 0..count {
            let lead = numbered_lead(&scene, &template, customer, number);
            scene
                .memory
                .ledger
                .record(&lead, &quota, now)
                .await
                .unwrap();
        }
        scene.memory.ledger.mark_lane(customer, now).await.unwrap();
    }

    scene.memory.release().await.unwrap();

    let first: Vec<_> = scene.memory.queue.sent().into_iter().take(240).collect();
    assert!(first.iter().any(|task| *task.customer() == small));
    scene.memory.drain_all().await;
    let mut small_leads = scene.memory.ledger.all();
    small_leads.retain(|record| record.lead.customer == small);
    let line = small_leads[0].timeline.last().unwrap();
    assert_eq!(line.state.as_str(), "delivered");
    let took = line.at.duration_since(small_leads[0].lead.received_at);
    assert!(took < SignedDuration::from_mins(1), "{took}");
}

#[tokio::test]
async fn waiting_leads_of_a_deleted_customer_are_refused_and_nothing_is_sent() {
    let scene = Scene::unconnected().await;
    let template = template(&scene).await;
    let tasks = accept(&scene, &template, &scene.customer, 2_500).await;
    scene.memory.queue.send(&tasks).await.unwrap();
    scene.memory.drain_all().await;

    scene
        .memory
        .admin()
        .delete_customer(&scene.customer)
        .await
        .unwrap();
    scene.memory.drain_all().await;
    for _ in 0..4 {
        scene.memory.clock.advance(SignedDuration::from_secs(60));
        scene.memory.release().await.unwrap();
        scene.memory.drain_all().await;
    }

    let all = scene.memory.ledger.all();
    let closed = LeadState::refused(RefusalReason::CustomerDeleted);
    assert_eq!(
        all.iter().filter(|record| record.state == closed).count(),
        2_500
    );
    assert_eq!(scene.memory.crm.calls().len(), 0);
}
