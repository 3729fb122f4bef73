use jiff::{SignedDuration, Timestamp};

use crate::app::requeue::{LISTED_WITHIN, requeue_all};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::Connection;
use crate::domain::crm::CrmError;
use crate::domain::form::Form;
use crate::domain::ids::{AppId, CustomerId, LeadId};
use crate::domain::lead::{Lead, LeadState, WaitReason};
use crate::ports::{
    Claims as _, Clock as _, Connections as _, Forms as _, Lanes as _, Ledger as _, Requeue,
    Settlement,
};

/// Claims a lead of the scene's customer as a drain does, and settles it as waiting.
async fn settle(scene: &Scene, lead: &LeadId, why: WaitReason, due_at: Option<Timestamp>) {
    settle_of(scene, &scene.customer, lead, why, due_at).await;
}

async fn settle_of(
    scene: &Scene,
    customer: &CustomerId,
    lead: &LeadId,
    why: WaitReason,
    due_at: Option<Timestamp>,
) {
    let (ledger, at) = (&scene.memory.ledger, scene.memory.clock.now());
    let until = at + SignedDuration::from_mins(1);
    let claim = ledger.claim(customer, lead, "a drain", until, at);
    claim.await.unwrap();
    let settlement = Settlement {
        state: LeadState::waiting(why),
        due_at,
        at,
        expires_at: None,
    };
    let settled = ledger.settle(customer, lead, "a drain", &settlement);
    assert!(settled.await.unwrap());
}

/// Leads of a form that wait for a list.
async fn leads_without_list(scene: &Scene, form: &Form, count: u128) -> Vec<LeadId> {
    let email = format!("{}@example.com", form.id).to_lowercase();
    let lead = scene.submit(&[("email", &email)]).await.lead;
    let template = scene.memory.ledger.peek(&scene.customer, &lead).unwrap();
    let now = scene.memory.clock.now();
    let mut leads = vec![];
    for number in 0..count {
        let lead = Lead {
            id: LeadId::at(now, number),
            form: form.id.clone(),
            ..template.lead.clone()
        };
        let ledger = &scene.memory.ledger;
        let recorded = ledger.record(&lead, &LeadState::Queued, now).await;
        recorded.unwrap();
        settle(scene, &lead.id, WaitReason::NoList, None).await;
        leads.push(lead.id);
    }
    scene.memory.clock.advance(SignedDuration::from_secs(1));
    leads
}

/// Two forms of a customer whose list is gone; the first has a list of its own.
async fn forms_with_and_without_list(scene: &Scene) -> (Form, Form) {
    let directory = &scene.memory.directory;
    let gone = directory.mark_list_gone(&scene.customer, &scene.list).await;
    assert!(gone.unwrap());
    let other = "frm_01ARZ3NDEKTSV4RRFFQ69G5FAW".parse().unwrap();
    let (mut first, mut second) = (scene.form.clone(), scene.form.clone());
    first.lists = vec![scene.memory.crm.add_list(ACCOUNT, "Events")];
    (second.id, second.lists) = (other, vec![]);
    for form in [&first, &second] {
        directory.put_form(form).await.unwrap();
    }
    (first, second)
}

async fn distinct_states(scene: &Scene, leads: &[LeadId]) -> Vec<&'static str> {
    let mut states = vec![];
    for lead in leads {
        states.push(scene.state(lead).await.as_str());
    }
    states.dedup();
    states
}

#[tokio::test]
async fn only_leads_of_forms_with_own_lists_are_released_if_connection_list_is_gone() {
    let scene = Scene::connected().await;
    let (first, second) = forms_with_and_without_list(&scene).await;
    let others = leads_without_list(&scene, &second, 30).await;
    let theirs = leads_without_list(&scene, &first, 3).await;
    let (ledger, clock) = (&scene.memory.ledger, &scene.memory.clock);
    scene.mark_lane().await;

    assert_eq!(scene.memory.release().await.unwrap().waited, 3);

    assert_eq!(distinct_states(&scene, &theirs).await, ["queued"]);
    assert_eq!(distinct_states(&scene, &others).await, ["waiting"]);
    let soon = clock.now() + SignedDuration::from_mins(59);
    let marks = ledger.due_lanes(soon, None, 9).await.unwrap();
    assert_eq!(marks, [], "their lane is not checked again every minute");
}

#[tokio::test]
async fn releasable_lead_is_found_behind_a_thousand_that_are_not() {
    let scene = Scene::connected().await;
    let (first, second) = forms_with_and_without_list(&scene).await;
    leads_without_list(&scene, &second, 1_001).await;
    let theirs = leads_without_list(&scene, &first, 1).await;
    scene.mark_lane().await;

    assert_eq!(scene.memory.release().await.unwrap().waited, 1);

    assert_eq!(distinct_states(&scene, &theirs).await, ["queued"]);
}

#[tokio::test]
async fn unreadable_connection_does_not_block_release_of_other_customers_leads() {
    let scene = Scene::connected().await;
    let (ledger, clock) = (&scene.memory.ledger, &scene.memory.clock);
    let other: CustomerId = "other".parse().unwrap();
    ledger.mark_lane(&other, clock.now()).await.unwrap();
    scene.memory.directory.make_unreadable(&other);
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    scene.memory.crm.fail_next(CrmError::Unavailable);
    scene.drain().await;
    clock.advance(SignedDuration::from_mins(1));

    let result = scene.memory.release().await;

    assert!(result.is_err());
    assert_eq!(scene.state(&lead).await.as_str(), "queued");
    assert_eq!(scene.memory.queue.sent().len(), 1);
}

#[tokio::test]
async fn requeue_of_a_lead_settled_meanwhile_keeps_its_new_wait() {
    for (why, due) in [(WaitReason::Quota, true), (WaitReason::Reconnect, false)] {
        let scene = Scene::connected().await;
        let (memory, now) = (&scene.memory, scene.memory.clock.now());
        let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
        settle(&scene, &lead, why, due.then_some(now)).await;
        let seen = memory
            .ledger
            .waiting(&scene.customer, None, 1)
            .await
            .unwrap();
        let seen = seen.into_iter().map(|(id, due)| (id, Requeue::Waits(due)));
        let seen: Vec<_> = seen.collect();
        memory.clock.advance(SignedDuration::from_secs(1));
        let later = memory.clock.now() + SignedDuration::from_hours(12);
        settle(&scene, &lead, why, due.then_some(later)).await;

        let (ledger, queue, now) = (&memory.ledger, &memory.queue, memory.clock.now());
        let sent = requeue_all(ledger, queue, &scene.customer, &seen, now).await;

        assert_eq!(sent.unwrap(), 1);
        let record = memory.ledger.peek(&scene.customer, &lead).unwrap();
        assert_eq!(record.state, LeadState::waiting(why));
        assert_eq!(record.due_at, due.then_some(later));
    }
}

#[tokio::test]
async fn lapsed_claim_is_released_only_once_it_has_lapsed_for_every_clock() {
    let scene = Scene::connected().await;
    let (memory, customer) = (&scene.memory, &scene.customer);
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    let now = memory.clock.now();
    let until = now + SignedDuration::from_mins(1);
    let claim = memory.ledger.claim(customer, &lead, "a drain", until, now);
    claim.await.unwrap();

    memory.clock.advance(SignedDuration::from_mins(1));
    for stuck in [0, 0, 0, 1] {
        assert_eq!(memory.release().await.unwrap().stuck, stuck);
        memory.clock.advance(SignedDuration::from_secs(2));
    }
}

#[tokio::test]
async fn lead_rejected_by_the_queue_keeps_waiting_and_is_sent_by_the_next_run() {
    let scene = Scene::unconnected().await;
    let mut leads = Vec::new();
    for email in ["ada@example.com", "bob@example.com", "cy@example.com"] {
        leads.push(scene.submit(&[("email", email)]).await.lead);
    }
    scene.drain().await;
    scene.connect().await;
    let (memory, customer) = (&scene.memory, &scene.customer);
    memory.clock.advance(LISTED_WITHIN);
    let now = memory.clock.now();
    memory.ledger.mark_lane(customer, now).await.unwrap();
    memory.queue.refuse_next([1]);

    assert_eq!(memory.release().await.unwrap().waited, 2);

    let sent = memory.queue.sent();
    let is_sent = |lead: &LeadId| sent.iter().any(|task| task.lead() == lead);
    let mut waiting = 0;
    for lead in &leads {
        let record = memory.ledger.peek(customer, lead).unwrap();
        let is_queued = record.state == LeadState::Queued;
        assert_eq!(is_queued, is_sent(lead), "{:?}", record.state);
        waiting += usize::from(!is_queued);
    }
    assert_eq!(waiting, 1);
    memory.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(memory.release().await.unwrap().waited, 1);
    scene.drain().await;
    for lead in &leads {
        assert_eq!(scene.state(lead).await.as_str(), "delivered");
    }
}

#[tokio::test]
async fn lead_listed_after_its_lane_was_checked_is_released_within_an_hour() {
    let scene = Scene::connected().await;
    let (ledger, clock) = (&scene.memory.ledger, &scene.memory.clock);
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    let now = clock.now();
    ledger.mark_lane(&scene.customer, now).await.unwrap();
    assert_eq!(scene.memory.release().await.unwrap().waited, 0);
    settle(&scene, &lead, WaitReason::Upstream, Some(now)).await;

    clock.advance(SignedDuration::from_mins(59));
    assert_eq!(scene.memory.release().await.unwrap().waited, 0);
    clock.advance(SignedDuration::from_mins(1));
    assert_eq!(scene.memory.release().await.unwrap().waited, 1);

    assert_eq!(distinct_states(&scene, &[lead]).await, ["queued"]);
}

#[tokio::test]
async fn lane_of_an_immediately_due_lead_is_marked_after_the_listing_delay() {
    let scene = Scene::connected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
    let too_soon = scene.memory.clock.now() + SignedDuration::from_secs(10);

    scene.memory.drain().drain(scene.messages(), too_soon).await;

    assert_eq!(scene.state(&lead).await.as_str(), "waiting");
    let now = scene.memory.clock.now();
    assert_eq!(scene.due_lanes(now).await, 0);
    assert_eq!(scene.due_lanes(now + LISTED_WITHIN).await, 1);
}

/// Adds another customer, connected through an application, with a waiting lead that is due.
async fn add_customer_with_due_lead(scene: &Scene, customer: String, app: &AppId, lead: &Lead) {
    let (memory, now) = (&scene.memory, scene.memory.clock.now());
    let connection = Connection {
        customer: customer.parse().unwrap(),
        app: app.clone(),
        ..memory.directory.peek(&scene.customer).unwrap()
    };
    let put = memory.directory.put_connection(&connection).await;
    assert!(put.unwrap());
    let lead = Lead {
        customer: connection.customer,
        ..lead.clone()
    };
    let (ledger, customer) = (&memory.ledger, &lead.customer);
    let recorded = ledger.record(&lead, &LeadState::Queued, now).await;
    recorded.unwrap();
    settle_of(scene, customer, &lead.id, WaitReason::Quota, Some(now)).await;
    ledger.mark_lane(customer, now).await.unwrap();
}

#[tokio::test]
async fn exhausted_application_does_not_block_customers_of_another_application() {
    let scene = Scene::connected().await;
    let lead = scene.sign_up("ada@example.com").await;
    let lead = scene
        .memory
        .ledger
        .peek(&scene.customer, &lead)
        .unwrap()
        .lead;
    let own = "own".parse().unwrap();
    for number in 0..2_001 {
        add_customer_with_due_lead(
            &scene,
            format!("many-{number}"),
            &AppId::default_app(),
            &lead,
        )
        .await;
    }
    scene.memory.clock.advance(SignedDuration::from_secs(1));
    add_customer_with_due_lead(&scene, "one".into(), &own, &lead).await;
    scene.occupy_budget_for(SignedDuration::from_hours(1));

    assert_eq!(scene.memory.release().await.unwrap().waited, 1);

    let one = scene.memory.ledger.peek(&"one".parse().unwrap(), &lead.id);
    assert_eq!(one.unwrap().state, LeadState::Queued);
}
