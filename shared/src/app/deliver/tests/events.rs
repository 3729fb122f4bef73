//! Which events are published.

use serde_json::{Value, json};

use crate::app::scene::Scene;
use crate::domain::crm::CrmError;
use crate::fakes::Fault;
use crate::ports::Event;

/// The published events about leads, without their times.
fn lead_events(scene: &Scene) -> Vec<Value> {
    let events = scene.memory.events.published();
    let of_leads = events
        .iter()
        .filter(|event| matches!(event, Event::Lead { .. }));
    let mut lead_events: Vec<_> = of_leads
        .map(|event| serde_json::to_value(event).unwrap())
        .collect();
    for event in &mut lead_events {
        event.as_object_mut().unwrap().remove("at");
    }
    lead_events
}

#[tokio::test]
async fn delivered_event_is_published_for_each_lead_of_a_batch() {
    let scene = Scene::connected().await;
    let ada = scene.submit(&[("email", "ada@example.com")]).await;
    let bob = scene.submit(&[("email", "bob@example.com")]).await;

    scene.drain().await;

    let mut expected = [ada.lead, bob.lead]
        .map(|lead| json!({"customer_id": scene.customer, "lead_id": lead, "status": "delivered"}));
    expected.sort_by_key(|event| event["lead_id"].to_string());
    let mut lead_events = lead_events(&scene);
    lead_events.sort_by_key(|event| event["lead_id"].to_string());
    assert_eq!(lead_events, expected);
}

#[tokio::test]
async fn repeated_wait_for_a_person_is_published_only_once() {
    let scene = Scene::unconnected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    let messages = scene.messages();
    let event =
        |status: &str| json!({"customer_id": scene.customer, "lead_id": lead, "status": status});
    let mut waiting = event("waiting");
    waiting["reason"] = "not_connected".into();

    scene.drain_messages(messages.clone()).await;
    scene.drain_messages(messages.clone()).await;
    scene.connect().await;
    scene.drain_messages(messages).await;

    assert_eq!(lead_events(&scene), [waiting, event("delivered")]);
}

#[tokio::test]
async fn wait_for_quota_publishes_no_event() {
    let scene = Scene::connected().await;
    scene.submit(&[("email", "ada@example.com")]).await;
    scene.memory.crm.fail_next(CrmError::QuotaExceeded);

    scene.drain().await;

    assert!(lead_events(&scene).is_empty());
}

#[tokio::test]
async fn event_bus_outage_does_not_hold_back_leads() {
    let steps_of_a_drain = {
        let scene = Scene::connected().await;
        scene.submit(&[("email", "ada@example.com")]).await;
        let before = scene.memory.faults.steps();
        scene.drain().await;
        scene.memory.faults.steps() - before
    };
    let scene = Scene::connected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    let last = scene.memory.faults.steps() + steps_of_a_drain;
    scene.memory.faults.at(last, Fault::FailBefore);

    let to_redeliver = scene.drain().await;

    assert!(to_redeliver.is_empty() && lead_events(&scene).is_empty());
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}
