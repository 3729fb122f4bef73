//! What a delivery finds out about an account, and what follows from it.

use jiff::SignedDuration;
use serde_json::json;

use super::waits;
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::{ConfirmedOptIn, Learned};
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::ids::{AppId, LeadId};
use crate::domain::lead::{LeadState, Permission, WaitReason};
use crate::fakes::{Call, RemotePermission};
use crate::ports::{Budget as _, Clock as _, Connections as _, Event, Forms as _};

async fn learned(scene: &Scene) -> Learned {
    let row = scene.memory.directory.connection(&scene.customer).await;
    row.unwrap().unwrap().learned
}

#[tokio::test]
async fn deleted_list_stops_the_calls_for_it_and_is_published_once() {
    let scene = Scene::connected().await;
    scene.memory.crm.remove_list(ACCOUNT, &scene.list);
    let first = scene.sign_up("ada@example.com").await;

    scene.drain().await;
    let later = scene.sign_up("bob@example.com").await;
    scene.drain().await;

    for lead in [&first, &later] {
        assert_eq!(scene.state(lead).await, waits(WaitReason::NoList));
    }
    let crm = &scene.memory.crm;
    assert_eq!(
        [Call::SignUp, Call::List].map(|call| crm.count(call)),
        [1, 1]
    );
    assert_eq!(
        learned(&scene).await.lists_gone,
        std::slice::from_ref(&scene.list)
    );
    let events = scene.memory.events.published().into_iter();
    let mut list_gone_events = events.filter(|event| matches!(event, Event::ListGone { .. }));
    let event = list_gone_events.next().unwrap();
    assert_eq!(event.kind(), "leadfeed.connection");
    let at = crm.calls()[0].0;
    assert_eq!(
        serde_json::to_value(&event).unwrap(),
        json!({
            "customer_id": "engines", "list_id": scene.list, "status": "list_missing",
            "at": at + SignedDuration::from_millis(260), // the next moment, at which the list was looked up
        })
    );
    assert_eq!(list_gone_events.next(), None);
    scene.memory.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(scene.memory.release().await.unwrap().waited, 0);
}

#[tokio::test]
async fn form_whose_own_list_is_deleted_falls_back_to_the_connections_list() {
    let mut scene = Scene::connected().await;
    let own = scene.memory.crm.add_list(ACCOUNT, "Events");
    scene.form.lists = vec![own.clone()];
    scene.memory.directory.put_form(&scene.form).await.unwrap();
    scene.memory.crm.remove_list(ACCOUNT, &own);
    let lead = scene.sign_up("ada@example.com").await;

    scene.drain().await;

    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
    let contact = scene.memory.crm.contacts(ACCOUNT).pop().unwrap();
    assert_eq!(
        contact.lists.into_iter().collect::<Vec<_>>(),
        [scene.list.clone()]
    );
}

#[tokio::test]
async fn list_found_deleted_is_not_tried_again_when_the_next_one_is_deleted_too() {
    let mut scene = Scene::connected().await;
    let (crm, directory) = (&scene.memory.crm, &scene.memory.directory);
    let own = crm.add_list(ACCOUNT, "Events");
    scene.form.lists = vec![own.clone()];
    directory.put_form(&scene.form).await.unwrap();
    let row = directory.connection(&scene.customer).await;
    let mut row = row.unwrap().unwrap();
    row.lists = vec![own.clone(), scene.list.clone()];
    assert!(directory.put_connection(&row).await.unwrap());
    for list in &row.lists {
        crm.remove_list(ACCOUNT, list);
    }
    let lead = scene.sign_up("ada@example.com").await;

    scene.drain().await;

    assert_eq!(scene.state(&lead).await, waits(WaitReason::NoList));
    let counts = [Call::SignUp, Call::List].map(|call| scene.memory.crm.count(call));
    assert_eq!(counts, [2, 2]);
}

#[tokio::test]
async fn leads_without_a_list_use_none_of_the_daily_budget() {
    let scene = Scene::connected().await;
    let directory = &scene.memory.directory;
    let row = directory.connection(&scene.customer).await;
    let mut row = row.unwrap().unwrap();
    row.terms = None;
    assert!(directory.put_connection(&row).await.unwrap());
    let leads = [
        scene.sign_up("ada@example.com").await,
        scene.sign_up("bob@example.com").await,
    ];

    scene.drain().await;

    for lead in &leads {
        assert_eq!(scene.state(lead).await, waits(WaitReason::NoList));
    }
    let budget = scene.memory.budget.state(&AppId::default_app()).await;
    assert_eq!(budget.unwrap().unwrap().spent, 0);
}

#[tokio::test]
async fn lead_whose_list_turns_out_deleted_does_not_block_others_of_its_address() {
    let mut scene = Scene::connected().await;
    let without_list = scene.sign_up("ada@example.com").await;
    let own = scene.memory.crm.add_list(ACCOUNT, "Events");
    scene.form.id = "frm_01ARZ3NDEKTSV4RRFFQ69G5FAW".parse().unwrap();
    scene.form.lists = vec![own];
    scene.memory.directory.put_form(&scene.form).await.unwrap();
    let with_list = scene.sign_up("ada@example.com").await;
    scene.memory.crm.remove_list(ACCOUNT, &scene.list);

    scene.drain().await;
    scene.memory.clock.advance(SignedDuration::from_mins(5));
    scene.memory.release().await.unwrap();
    scene.drain().await;

    assert_eq!(scene.state(&without_list).await, waits(WaitReason::NoList));
    assert_eq!(scene.state(&with_list).await.as_str(), "delivered");
}

#[tokio::test]
async fn lead_without_a_list_does_not_block_others_of_its_address() {
    let mut scene = Scene::connected().await;
    let directory = scene.memory.directory.clone();
    directory
        .mark_list_gone(&scene.customer, &scene.list)
        .await
        .unwrap();
    let without_list = scene.sign_up("ada@example.com").await;
    scene.form.id = "frm_01ARZ3NDEKTSV4RRFFQ69G5FAW".parse().unwrap();
    scene.form.lists = vec![scene.memory.crm.add_list(ACCOUNT, "Events")];
    directory.put_form(&scene.form).await.unwrap();
    let with_list = scene.sign_up("ada@example.com").await;

    scene.drain().await;

    assert_eq!(scene.state(&without_list).await, waits(WaitReason::NoList));
    assert_eq!(scene.state(&with_list).await.as_str(), "delivered");
}

#[tokio::test]
async fn not_found_error_does_not_mark_an_existing_list_as_deleted() {
    let scene = Scene::connected().await;
    let lead = scene.sign_up("ada@example.com").await;
    let not_found = CrmError::NotFound(Refusal::default());
    scene.memory.crm.fail_next(not_found);

    scene.drain().await;

    let upstream = waits(WaitReason::Upstream);
    assert_eq!(scene.state(&lead).await, upstream);
    assert!(learned(&scene).await.lists_gone.is_empty());
}

#[tokio::test]
async fn confirmed_opt_in_is_detected_by_one_look_up_a_week() {
    let scene = Scene::connected().await;
    let week = SignedDuration::from_hours(24 * 7);
    scene.memory.clock.advance(week);
    scene.memory.crm.set_confirmed_opt_in(ACCOUNT, true);
    let mut leads = Vec::new();
    for i in 0..3 {
        leads.push(scene.sign_up(&format!("{i}@example.com")).await);
        scene.drain().await;
    }

    for lead in &leads {
        let LeadState::Delivered { permission, .. } = scene.state(lead).await else {
            panic!("not delivered")
        };
        assert_eq!(permission, Permission::PendingConfirmation);
    }
    let crm = &scene.memory.crm;
    assert_eq!(crm.count(Call::Find), 1);
    let seen = learned(&scene).await.confirmed_opt_in.unwrap();
    assert!(seen.on);

    crm.set_confirmed_opt_in(ACCOUNT, false);
    let clock = &scene.memory.clock;
    clock.advance(week);
    scene.sign_up("later@example.com").await;
    scene.drain().await;
    let seen = learned(&scene).await.confirmed_opt_in.unwrap();
    assert_eq!((seen.on, seen.is_current(true, clock.now())), (false, true));
}

/// The permission recorded for a lead and the one that the account has.
async fn permissions(scene: &Scene, lead: &LeadId, email: &str) -> (Permission, RemotePermission) {
    let LeadState::Delivered { permission, .. } = scene.state(lead).await else {
        panic!("not delivered")
    };
    let crm = &scene.memory.crm;
    let contact = crm.contact(ACCOUNT, &email.parse().unwrap()).unwrap();
    (permission, contact.permission)
}

#[tokio::test]
async fn contact_from_before_confirmed_opt_in_keeps_explicit_permission() {
    let scene = Scene::connected().await;
    scene.sign_up("ada@example.com").await;
    scene.drain().await;
    scene.memory.crm.set_confirmed_opt_in(ACCOUNT, true);
    scene
        .memory
        .clock
        .advance(SignedDuration::from_hours(24 * 7));
    scene.sign_up("bob@example.com").await;
    scene.drain().await;
    assert!(learned(&scene).await.confirmed_opt_in.unwrap().on);

    let fields = [("email", "ada@example.com"), ("first_name", "Ada")];
    let second = scene.submit(&fields).await.lead;
    scene.drain().await;

    let explicit = (Permission::Explicit, RemotePermission::Explicit);
    assert_eq!(
        permissions(&scene, &second, "ada@example.com").await,
        explicit
    );
}

#[tokio::test]
async fn unconfirmed_contact_stays_pending_after_signing_up_again() {
    let scene = Scene::connected().await;
    scene.memory.crm.set_confirmed_opt_in(ACCOUNT, true);
    let week = SignedDuration::from_hours(24 * 7);
    scene.memory.clock.advance(week);
    scene.sign_up("ada@example.com").await;
    scene.drain().await;

    let fields = [("email", "ada@example.com"), ("first_name", "Ada")];
    let second = scene.submit(&fields).await.lead;
    scene.drain().await;

    let pending = (
        Permission::PendingConfirmation,
        RemotePermission::PendingConfirmation,
    );
    assert_eq!(
        permissions(&scene, &second, "ada@example.com").await,
        pending
    );
}

#[tokio::test]
async fn long_address_reveals_no_confirmed_opt_in_but_follows_it_once_known() {
    let scene = Scene::connected().await;
    let crm = &scene.memory.crm;
    crm.set_confirmed_opt_in(ACCOUNT, true);
    crm.skip_confirmation_without_sign_up(ACCOUNT);
    let clock = &scene.memory.clock;
    clock.advance(SignedDuration::from_hours(24 * 7));
    let address = |n| format!("{n}{}@analytical-engines.example", "a".repeat(40));
    let before = learned(&scene).await;

    let first = scene.sign_up(&address(1)).await;
    scene.drain().await;
    assert_eq!(learned(&scene).await, before);
    scene.sign_up("ada@example.com").await;
    scene.drain().await;
    assert!(learned(&scene).await.confirmed_opt_in.unwrap().on);
    let second = scene.sign_up(&address(2)).await;
    scene.drain().await;

    let explicit = (Permission::Explicit, RemotePermission::Explicit);
    assert_eq!(permissions(&scene, &first, &address(1)).await, explicit);
    let pending = (
        Permission::PendingConfirmation,
        RemotePermission::PendingConfirmation,
    );
    assert_eq!(permissions(&scene, &second, &address(2)).await, pending);
}

#[tokio::test]
async fn confirmed_opt_in_is_trusted_a_day_for_imports_and_a_week_for_single_leads() {
    let scene = Scene::connected().await;
    let seen = ConfirmedOptIn {
        on: false,
        seen_at: scene.memory.clock.now(),
    };
    let after = |hours| seen.seen_at + SignedDuration::from_hours(hours);

    assert!(seen.is_current(true, after(23)) && seen.is_current(false, after(167)));
    assert!(!seen.is_current(true, after(24)) && !seen.is_current(false, after(168)));
}
