//! What a refusal is taken to blame, and how long one is kept.

use jiff::SignedDuration;

use super::days::sealed;
use crate::app::scene::{Scene, messages};
use crate::domain::ids::LeadId;
use crate::domain::suppression::PersonId;
use crate::domain::task::Task;
use crate::ports::{Clock as _, Customers as _, Ledger as _, Suppressions as _};

async fn submit(scene: &Scene, email: &str) -> LeadId {
    scene.submit(&[("email", email)]).await.lead
}

/// A customer who keeps its leads for thirty days.
async fn of_thirty_days() -> Scene {
    let scene = Scene::connected().await;
    let directory = &scene.memory.directory;
    let customer = directory.customer(&scene.customer).await;
    let mut customer = customer.unwrap().unwrap();
    customer.retention_days = 30;
    directory.put_customer(&customer).await.unwrap();
    scene
}

fn is_kept_for_thirty_days(scene: &Scene, lead: &LeadId) -> bool {
    let until = scene.memory.clock.now() + SignedDuration::from_hours(24 * 30);
    let kept = scene.memory.ledger.kept_until(&scene.customer, lead);
    kept == Some(until.as_second())
}

#[tokio::test]
async fn a_suppressed_lead_is_kept_as_long_as_its_customer_keeps_leads() {
    let scene = of_thirty_days().await;
    let email = "ada@example.com".parse().unwrap();
    let person = PersonId::of(&scene.memory.keys(), &scene.customer, &email);
    let (directory, now) = (&scene.memory.directory, scene.memory.clock.now());
    let listed = directory.suppress(&scene.customer, &person, now);
    listed.await.unwrap();
    let lead = submit(&scene, "ada@example.com").await;

    scene.drain().await;

    assert_eq!(scene.state(&lead).await.word(), "refused");
    assert!(is_kept_for_thirty_days(&scene, &lead));
}

#[tokio::test]
async fn a_lead_with_a_broken_seal_is_kept_as_long_as_its_customer_keeps_leads() {
    let scene = of_thirty_days().await;
    let template = submit(&scene, "ada@example.com").await;
    let record = scene.memory.ledger.lead(&scene.customer, &template).await;
    let mut lead = sealed(&scene, record.unwrap().unwrap().lead);
    lead.id = "lead_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
    let id = lead.id.clone();
    let lead = Box::new(lead);

    let tasks = messages(&[Task::Accepted { lead }]);
    scene.drain_these(tasks).await;

    assert_eq!(scene.state(&id).await.word(), "refused");
    assert!(is_kept_for_thirty_days(&scene, &id));
}
