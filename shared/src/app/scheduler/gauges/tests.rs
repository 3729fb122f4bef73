use jiff::{SignedDuration, Timestamp};

use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::budget::BudgetState;
use crate::domain::connection::{ConnectionStatus, LimitedReason, ReconnectReason};
use crate::domain::crm::CrmError;
use crate::domain::ids::{AppId, ImportId};
use crate::domain::import::{ImportJob, Stage};
use crate::domain::lead::{Lead, LeadState, WaitReason};
use crate::ports::{
    Claims as _, Clock as _, Connections as _, Imports as _, Lanes as _, Ledger as _, Requeue,
    Settlement,
};

const ADA: &[(&str, &str)] = &[("email", "ada@example.com")];

async fn gauge(scene: &Scene, name: &str) -> f64 {
    let metrics = scene.memory.scheduler().measure().await.unwrap();
    metrics
        .iter()
        .find(|metric| metric.gauge.name() == name)
        .unwrap()
        .value
}

fn spend(scene: &Scene, spent: u32) {
    spend_of(scene, &AppId::default_app(), spent);
}

fn spend_of(scene: &Scene, app: &AppId, spent: u32) {
    let now: Timestamp = scene.memory.clock.now();
    let state = BudgetState {
        spent,
        ..BudgetState::assumed(Default::default(), now)
    };
    scene.memory.budget.set(app, state);
}

#[tokio::test]
async fn oldest_undelivered_grows_while_a_lead_waits_for_budget_and_ends_on_delivery() {
    let scene = Scene::connected().await;
    assert!(gauge(&scene, "OldestUndelivered").await < 1.0);
    spend(&scene, 10_000);
    scene.submit(&[("email", "ada@example.com")]).await;
    scene.drain().await;

    scene.memory.clock.advance(SignedDuration::from_hours(3));

    let age = gauge(&scene, "OldestUndelivered").await;
    assert!((10_800.0..=10_840.0).contains(&age), "{age}");
    spend(&scene, 0);
    scene.memory.clock.advance(SignedDuration::from_hours(12));
    scene.memory.release().await.unwrap();
    scene.drain().await;
    assert!(gauge(&scene, "OldestUndelivered").await < 1.0);
}

/// A customer with a lead that waits until there are calls again.
async fn scene_waiting_for_budget() -> Scene {
    let scene = Scene::connected().await;
    spend(&scene, 10_000);
    scene.submit(ADA).await;
    scene.drain().await;
    scene
}

async fn assert_last_lane_is_measured(scene: &Scene) {
    let lanes = scene.memory.ledger.due_lanes(Timestamp::MAX, None, 1_000);
    let lanes = lanes.await.unwrap();
    assert_eq!(lanes.last().unwrap().0, scene.customer);

    scene.memory.clock.advance(SignedDuration::from_mins(10));

    let age = gauge(scene, "OldestUndelivered").await;
    assert!((600.0..=640.0).contains(&age), "{age}");
}

#[tokio::test]
async fn oldest_undelivered_finds_a_lead_behind_40_emptied_lanes() {
    let scene = scene_waiting_for_budget().await;
    let (ledger, now) = (&scene.memory.ledger, scene.memory.clock.now());
    for number in 0..40 {
        let customer = format!("c{number}").parse().unwrap();
        ledger.mark_lane(&customer, now).await.unwrap();
        ledger.advance_lane(&customer, now, None).await.unwrap();
    }

    assert_last_lane_is_measured(&scene).await;
}

#[tokio::test]
async fn oldest_undelivered_finds_a_lead_behind_600_lanes_that_wait_for_a_person() {
    let scene = scene_waiting_for_budget().await;
    let (ledger, now) = (&scene.memory.ledger, scene.memory.clock.now());
    let template = ledger.all().remove(0).lead;
    let for_a_person = Settlement {
        state: LeadState::waiting(WaitReason::NotConnected),
        due_at: None,
        at: now,
        expires_at: None,
    };
    for number in 0..600 {
        let lead = Lead {
            customer: format!("c{number}").parse().unwrap(),
            ..template.clone()
        };
        let (customer, id) = (&lead.customer, &lead.id);
        ledger.record(&lead, &LeadState::Queued, now).await.unwrap();
        let claimed = ledger.claim(customer, id, "drain", now, now).await;
        claimed.unwrap();
        let settled = ledger.settle(customer, id, "drain", &for_a_person).await;
        assert!(settled.unwrap());
        ledger.mark_lane(customer, now).await.unwrap();
    }

    assert_last_lane_is_measured(&scene).await;
}

/// The id of a lead with a key begins with the start of its hour.
#[tokio::test]
async fn oldest_undelivered_of_a_lead_with_a_key_counts_from_its_arrival() {
    let scene = Scene::connected().await;
    scene.memory.clock.advance(SignedDuration::from_mins(40));
    scene.submit_with_key("one", ADA).await.unwrap();
    assert!(gauge(&scene, "OldestUndelivered").await < 1.0);
    scene.memory.clock.advance(SignedDuration::from_mins(10));
    for key in ["two", "three", "four"] {
        scene.submit_with_key(key, ADA).await.unwrap();
    }

    let age = gauge(&scene, "OldestUndelivered").await;

    assert!((599.0..=601.0).contains(&age), "{age}");
}

#[tokio::test]
async fn oldest_undelivered_ignores_leads_that_wait_for_a_person() {
    let scene = Scene::unconnected().await;
    scene.submit(&[("email", "ada@example.com")]).await;
    scene.drain().await;

    scene.memory.clock.advance(SignedDuration::from_hours(3));

    assert!(gauge(&scene, "OldestUndelivered").await < 1.0);
}

#[tokio::test]
async fn oldest_undelivered_ignores_a_held_back_address_but_not_other_leads() {
    let scene = Scene::connected().await;
    let (clock, crm) = (&scene.memory.clock, &scene.memory.crm);
    scene.submit(ADA).await;
    scene.drain().await;
    crm.flag_address(ACCOUNT, &ADA[0].1.parse().unwrap(), true);
    scene.submit(&[ADA[0], ("first_name", "Ada")]).await;
    scene.drain().await;
    clock.advance(SignedDuration::from_hours(40));
    assert!(gauge(&scene, "OldestUndelivered").await < 1.0);

    spend(&scene, 10_000);
    scene.submit(&[("email", "bob@example.com")]).await;
    scene.drain().await;
    clock.advance(SignedDuration::from_hours(3));

    let age = gauge(&scene, "OldestUndelivered").await;
    assert!((10_800.0..=10_840.0).contains(&age), "{age}");
}

#[tokio::test]
async fn oldest_undelivered_includes_an_open_import_until_it_is_closed() {
    let scene = Scene::connected().await;
    let now = scene.memory.clock.now();
    let job = ImportJob::new(ImportId::at(now, 1), scene.customer.clone(), vec![], now);
    let ledger = &scene.memory.ledger;
    assert!(ledger.save_import(&job, None).await.unwrap());

    scene.memory.clock.advance(SignedDuration::from_hours(3));

    let age = gauge(&scene, "OldestUndelivered").await;
    assert!((10_799.0..=10_801.0).contains(&age), "{age}");
    let closed = job.next(Stage::Closed, None);
    assert!(ledger.save_import(&closed, None).await.unwrap());
    assert!(gauge(&scene, "OldestUndelivered").await < 1.0);
}

#[tokio::test]
async fn unreadable_connection_does_not_prevent_measuring_the_budget() {
    let scene = Scene::connected().await;
    let (ledger, now) = (&scene.memory.ledger, scene.memory.clock.now());
    ledger.mark_lane(&scene.customer, now).await.unwrap();
    scene.memory.directory.make_unreadable(&scene.customer);
    spend(&scene, 8_100);

    let used = gauge(&scene, "BudgetUsed").await;

    assert!((80.9..81.1).contains(&used), "{used}");
}

#[tokio::test]
async fn used_budget_and_lost_connections_are_measured() {
    let scene = Scene::connected().await;
    assert!(gauge(&scene, "LostConnections").await < 1.0);
    spend(&scene, 8_100);
    let (reason, since) = (ReconnectReason::InvalidGrant, scene.memory.clock.now());
    let dead = ConnectionStatus::NeedsReconnect { reason, since };
    let directory = &scene.memory.directory;
    directory
        .set_status(&scene.customer, 1, &dead)
        .await
        .unwrap();

    let used = gauge(&scene, "BudgetUsed").await;
    assert!((80.9..81.1).contains(&used), "{used}");
    let lost = gauge(&scene, "LostConnections").await;
    assert!((0.9..1.1).contains(&lost), "{lost}");
}

#[tokio::test]
async fn budget_used_includes_a_stored_application_even_if_no_lead_waits_for_it() {
    let scene = Scene::connected().await;
    let own: AppId = "own".parse().unwrap();
    spend(&scene, 100);
    spend_of(&scene, &own, 9_500);
    assert!(gauge(&scene, "BudgetUsed").await < 2.0);

    scene.memory.apps.set_limits(&own, Default::default());

    let used = gauge(&scene, "BudgetUsed").await;
    assert!((94.9..95.1).contains(&used), "{used}");
}

#[tokio::test]
async fn budget_used_is_100_percent_after_quota_exceeded_until_the_next_day() {
    let scene = Scene::connected().await;
    spend(&scene, 100);
    scene.submit(ADA).await;
    scene.memory.crm.fail_next(CrmError::QuotaExceeded);
    scene.drain().await;

    let used = gauge(&scene, "BudgetUsed").await;
    assert!((99.9..100.1).contains(&used), "{used}");

    scene.memory.clock.advance(SignedDuration::from_hours(24));
    assert!(gauge(&scene, "BudgetUsed").await < 2.0);
}

#[tokio::test]
async fn limited_connection_counts_as_lost() {
    for reason in [
        LimitedReason::AppDeactivated,
        LimitedReason::MissingPrivilege,
    ] {
        let scene = Scene::connected().await;
        let limited = ConnectionStatus::Limited { reason };
        let directory = &scene.memory.directory;
        let set = directory.set_status(&scene.customer, 1, &limited);
        assert!(set.await.unwrap());

        let lost = gauge(&scene, "LostConnections").await;
        assert!((0.9..1.1).contains(&lost), "{reason:?}: {lost}");
    }
}

#[tokio::test]
async fn quarantined_lead_is_counted_for_a_day_or_until_it_is_released() {
    let scene = Scene::connected().await;
    let ada = [("email", "ada@example.com"), ("contact_website", "x")];
    let lead = scene.submit(&ada).await.lead;
    let grace = [("email", "grace@example.com"), ("contact_website", "x")];
    scene.submit(&grace).await;
    assert!((1.9..2.1).contains(&gauge(&scene, "Quarantined").await));

    let ledger = &scene.memory.ledger;
    let now = scene.memory.clock.now();
    let released = ledger.requeue(&scene.customer, &lead, Requeue::Quarantined, now, now);
    assert!(released.await.unwrap());
    assert!((0.9..1.1).contains(&gauge(&scene, "Quarantined").await));

    scene.memory.clock.advance(SignedDuration::from_hours(25));
    assert!(gauge(&scene, "Quarantined").await < 0.1);
}
