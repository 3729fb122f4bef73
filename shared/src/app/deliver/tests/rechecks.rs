//! What happens to a lead, or to others beside it, between its claim and its call.

use futures_util::future::join;
use jiff::SignedDuration;

use crate::app::scene::{ACCOUNT, NOON, Scene};
use crate::domain::connection::{ConnectionStatus, LimitedReason};
use crate::domain::crm::CrmError;
use crate::domain::ids::LeadId;
use crate::domain::lead::{DeliveryAction, LeadState, RefusalReason, WaitReason};
use crate::domain::suppression::PersonId;
use crate::fakes::samples::messages;
use crate::fakes::{Call, Fault, VirtualClock};
use crate::ports::{Clock as _, Connections as _, Customers as _, Suppressions as _};

/// A lead whose moment comes eight seconds after its claim, and what somebody does meanwhile.
fn meanwhile(act: impl AsyncFn(Scene, LeadId), state: LeadState) {
    let busy = |scene: &Scene| scene.call_for(SignedDuration::from_secs(8));
    while_waiting(busy, act, state, 0);
}

/// A lead whose call is to be made again twenty seconds later, and what somebody does meanwhile.
fn after_a_throttle(act: impl AsyncFn(Scene, LeadId), state: LeadState) {
    let retry_after = SignedDuration::from_secs(20);
    let throttle = |scene: &Scene| {
        scene
            .memory
            .crm
            .answer_next(CrmError::Throttled { retry_after });
    };
    while_waiting(throttle, act, state, 1);
}

fn while_waiting(
    arrange: impl Fn(&Scene),
    act: impl AsyncFn(Scene, LeadId),
    state: LeadState,
    sign_ups: usize,
) {
    let clock = VirtualClock::standing(NOON.parse().unwrap());
    clock.drive(async {
        let scene = Scene::connected_at(clock.clone()).await;
        let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
        arrange(&scene);
        let twin = Scene {
            memory: scene.memory.clone(),
            customer: scene.customer.clone(),
            form: scene.form.clone(),
            list: scene.list.clone(),
        };
        let acts = async {
            clock
                .sleep_until(clock.now() + SignedDuration::from_secs(4))
                .await;
            act(twin, lead.clone()).await;
        };

        join(scene.drain(), acts).await;

        assert_eq!(scene.state(&lead).await, state);
        assert_eq!(scene.memory.crm.count(Call::SignUp), sign_ups);
    });
}

#[test]
fn a_lead_erased_between_its_claim_and_its_call_is_not_sent() {
    meanwhile(erase, LeadState::Erased);
}

#[test]
fn a_lead_erased_before_its_call_is_made_again_is_not_sent_again() {
    after_a_throttle(erase, LeadState::Erased);
}

async fn erase(scene: Scene, lead: LeadId) {
    scene.memory.admin().erase_lead(&lead).await.unwrap();
}

#[test]
fn a_lead_whose_customer_is_deleted_between_its_claim_and_its_call_is_not_sent() {
    let delete = async |scene: Scene, _| {
        let directory = &scene.memory.directory;
        let row = directory
            .connection(&scene.customer)
            .await
            .unwrap()
            .unwrap();
        let status = ConnectionStatus::Disconnected;
        let set = directory.set_status(&scene.customer, row.generation, &status);
        assert!(set.await.unwrap());
        directory.delete_customer(&scene.customer).await.unwrap();
    };
    let why = RefusalReason::CustomerDeleted;
    meanwhile(delete, LeadState::refused(why));
}

#[test]
fn a_lead_whose_person_is_not_to_be_mailed_any_more_when_its_moment_comes_is_refused() {
    let why = RefusalReason::Suppressed;
    meanwhile(suppress, LeadState::refused(why));
    after_a_throttle(suppress, LeadState::refused(why));
}

async fn suppress(scene: Scene, _: LeadId) {
    let (memory, email) = (&scene.memory, "ada@example.com".parse().unwrap());
    let person = PersonId::of(&memory.keys(), &scene.customer, &email);
    let now = memory.clock.now();
    let listed = memory.directory.suppress(&scene.customer, &person, now);
    listed.await.unwrap();
}

#[test]
fn a_lead_whose_customer_disconnects_between_its_claim_and_its_call_waits() {
    let why = WaitReason::NotConnected;
    meanwhile(disconnect, LeadState::waits(why));
}

#[test]
fn a_lead_whose_customer_disconnects_before_its_call_is_made_again_waits() {
    let why = WaitReason::NotConnected;
    after_a_throttle(disconnect, LeadState::waits(why));
}

async fn disconnect(scene: Scene, _: LeadId) {
    let admin = scene.memory.admin();
    admin.disconnect(&scene.customer).await.unwrap();
}

#[test]
fn a_lead_does_not_go_to_the_account_before_where_another_was_confirmed_meanwhile() {
    let confirmed = async |scene, _| connect_another(scene, ConnectionStatus::Active).await;
    let later = LeadState::waits(WaitReason::Upstream);
    meanwhile(confirmed, later.clone());
    after_a_throttle(confirmed, later);
}

#[test]
fn a_lead_waits_for_a_person_where_another_account_was_connected_and_not_confirmed() {
    let reason = LimitedReason::AccountChanged;
    let unconfirmed = ConnectionStatus::Limited { reason };
    let unconfirmed = async |scene, _| connect_another(scene, unconfirmed.clone()).await;
    meanwhile(unconfirmed, LeadState::waits(WaitReason::Rights));
}

async fn connect_another(scene: Scene, status: ConnectionStatus) {
    let directory = &scene.memory.directory;
    let row = directory.connection(&scene.customer).await.unwrap();
    let mut row = row.unwrap();
    row.account.id = "account-2".into();
    row.status = status;
    row.generation += 1;
    assert!(directory.put_connection(&row).await.unwrap());
}

#[tokio::test]
async fn a_panic_over_one_lead_costs_the_others_nothing_and_is_taken_for_a_lost_answer() {
    let scene = Scene::connected().await;
    let mut leads = Vec::new();
    for n in 0..3 {
        let email = format!("{n}@example.com");
        leads.push(scene.submit(&[("email", &email)]).await.lead);
    }
    let before = scene.memory.faults.steps();
    let twin = Scene::connected().await;
    for n in 0..3 {
        twin.submit(&[("email", &format!("{n}@example.com"))]).await;
    }
    let first = {
        // The step at which the first call is made.
        let faults = &twin.memory.faults;
        let tasks = messages(&twin.memory.queue.receive(10));
        let work = async { twin.drain_these(tasks).await };
        let mut work = std::pin::pin!(work);
        loop {
            let polled = futures_util::poll!(work.as_mut());
            if twin.memory.crm.count(Call::SignUp) > 0 || polled.is_ready() {
                break faults.steps();
            }
        }
    };
    scene.memory.faults.at(first, Fault::Panic);
    assert!(before < first);

    let again = scene.drain().await;

    assert!(again.is_empty());
    let mut lost = Vec::new();
    for lead in &leads {
        match scene.state(lead).await {
            LeadState::Delivered { .. } => {}
            state => lost.push(state),
        }
    }
    let why = WaitReason::AnswerLost;
    assert_eq!(lost, [LeadState::waits(why)]);
    scene.memory.clock.advance(SignedDuration::from_mins(1));
    scene.memory.release().await.unwrap();
    scene.drain().await;
    assert_eq!(scene.memory.crm.count(Call::SignUp), 3);
    assert_eq!(scene.memory.crm.contacts(ACCOUNT).len(), 3);
    let mut found = 0;
    for lead in &leads {
        let state = scene.state(lead).await;
        let LeadState::Delivered { action, .. } = state else {
            panic!("{state:?}")
        };
        found += usize::from(action == DeliveryAction::Found);
    }
    assert_eq!(found, 1);
}
