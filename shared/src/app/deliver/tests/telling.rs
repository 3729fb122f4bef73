//! Which events are published.

use serde_json::{Value, json};

use crate::app::scene::Scene;
use crate::domain::crm::CrmError;
use crate::fakes::Fault;
use crate::ports::Event;

/// Events about leads, without their moments.
fn told(scene: &Scene) -> Vec<Value> {
    let events = scene.memory.events.published();
    let of_leads = events
        .iter()
        .filter(|event| matches!(event, Event::Lead { .. }));
    let mut told: Vec<_> = of_leads
        .map(|event| serde_json::to_value(event).unwrap())
        .collect();
    for event in &mut told {
        event.as_object_mut().unwrap().remove("at");
    }
    told
}

#[tokio::test]
async fn a_batchs_ends_are_told_in_one_step() {
    let scene = Scene::connected().await;
    let ada = scene.submit(&[("email", "ada@example.com")]).await;
    let bob = scene.submit(&[("email", "bob@example.com")]).await;

    scene.drain().await;

    let mut expected = [ada.lead, bob.lead]
        .map(|lead| json!({"customer_id": scene.customer, "lead_id": lead, "status": "delivered"}));
    expected.sort_by_key(|event| event["lead_id"].to_string());
    let mut told = told(&scene);
    told.sort_by_key(|event| event["lead_id"].to_string());
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_wait_for_a_person_is_told_once() {
    let scene = Scene::unconnected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    let messages = scene.messages();
    let event =
        |status: &str| json!({"customer_id": scene.customer, "lead_id": lead, "status": status});
    let mut waiting = event("waiting");
    waiting["reason"] = "not_connected".into();

    scene.drain_these(messages.clone()).await;
    scene.drain_these(messages.clone()).await;
    scene.connect().await;
    scene.drain_these(messages).await;

    assert_eq!(told(&scene), [waiting, event("delivered")]);
}

#[tokio::test]
async fn a_pause_is_no_news() {
    let scene = Scene::connected().await;
    scene.submit(&[("email", "ada@example.com")]).await;
    scene.memory.crm.answer_next(CrmError::QuotaExceeded);

    scene.drain().await;

    assert!(told(&scene).is_empty());
}

#[tokio::test]
async fn a_bus_out_of_order_keeps_no_lead() {
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

    let again = scene.drain().await;

    assert!(again.is_empty() && told(&scene).is_empty());
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}
