//! What happens to a lead, and to others of its batch, between its claim and its call.

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

/// Runs `act` while a lead waits for its call, eight seconds after its claim.
fn act_before_the_call(act: impl AsyncFn(Scene, LeadId), expected: LeadState) {
    let busy = |scene: &Scene| scene.occupy_budget_for(SignedDuration::from_secs(8));
    act_while_waiting(busy, act, expected, 0);
}

/// Runs `act` while a lead waits for the retry of its throttled call, twenty seconds later.
fn act_before_the_retry(act: impl AsyncFn(Scene, LeadId), expected: LeadState) {
    let retry_after = SignedDuration::from_secs(20);
    let throttle = |scene: &Scene| {
        scene
            .memory
            .crm
            .fail_next(CrmError::Throttled { retry_after });
    };
    act_while_waiting(throttle, act, expected, 1);
}

fn act_while_waiting(
    arrange: impl Fn(&Scene),
    act: impl AsyncFn(Scene, LeadId),
    expected: LeadState,
    sign_ups: usize,
) {
    let clock = VirtualClock::manual(NOON.parse().unwrap());
    clock.drive(async {
        let scene = Scene::connected_at(clock.clone()).await;
        let lead = scene.submit(&[("email", "ada@example.com")]).await.lead;
        arrange(&scene);
        let same_scene = Scene {
            memory: scene.memory.clone(),
            customer: scene.customer.clone(),
            form: scene.form.clone(),
            list: scene.list.clone(),
        };
        let action = async {
            clock
                .sleep_until(clock.now() + SignedDuration::from_secs(4))
                .await;
            act(same_scene, lead.clone()).await;
        };

        join(scene.drain(), action).await;

        assert_eq!(scene.state(&lead).await, expected);
        assert_eq!(scene.memory.crm.count(Call::SignUp), sign_ups);
    });
}

#[test]
fn a_lead_erased_between_its_claim_and_its_call_is_not_sent() {
    act_before_the_call(erase, LeadState::Erased);
}

#[test]
fn a_lead_erased_before_the_retry_of_its_call_is_not_sent_again() {
    act_before_the_retry(erase, LeadState::Erased);
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
    act_before_the_call(delete, LeadState::refused(why));
}

#[test]
fn lead_of_a_person_suppressed_before_the_call_or_its_retry_is_refused() {
    let why = RefusalReason::Suppressed;
    act_before_the_call(suppress, LeadState::refused(why));
    act_before_the_retry(suppress, LeadState::refused(why));
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
    act_before_the_call(disconnect, LeadState::waiting(why));
}

#[test]
fn a_lead_whose_customer_disconnects_before_the_retry_of_its_call_waits() {
    let why = WaitReason::NotConnected;
    act_before_the_retry(disconnect, LeadState::waiting(why));
}

async fn disconnect(scene: Scene, _: LeadId) {
    let admin = scene.memory.admin();
    admin.disconnect(&scene.customer).await.unwrap();
}

#[test]
fn lead_is_not_sent_to_the_old_account_after_another_was_confirmed() {
    let confirmed = async |scene, _| connect_another_account(scene, ConnectionStatus::Active).await;
    let later = LeadState::waiting(WaitReason::Upstream);
    act_before_the_call(confirmed, later.clone());
    act_before_the_retry(confirmed, later);
}

#[test]
fn lead_waits_for_a_person_if_another_account_is_connected_but_unconfirmed() {
    let reason = LimitedReason::AccountChanged;
    let unconfirmed = ConnectionStatus::Limited { reason };
    let unconfirmed = async |scene, _| connect_another_account(scene, unconfirmed.clone()).await;
    act_before_the_call(unconfirmed, LeadState::waiting(WaitReason::Rights));
}

async fn connect_another_account(scene: Scene, status: ConnectionStatus) {
    let directory = &scene.memory.directory;
    let row = directory.connection(&scene.customer).await.unwrap();
    let mut row = row.unwrap();
    row.account.id = "account-2".into();
    row.status = status;
    row.generation += 1;
    assert!(directory.put_connection(&row).await.unwrap());
}

#[tokio::test]
async fn panic_during_one_delivery_affects_no_other_and_counts_as_a_lost_answer() {
    let scene = Scene::connected().await;
    let mut leads = Vec::new();
    for n in 0..3 {
        let email = format!("{n}@example.com");
        leads.push(scene.submit(&[("email", &email)]).await.lead);
    }
    let twin = Scene::connected().await;
    for n in 0..3 {
        twin.submit(&[("email", &format!("{n}@example.com"))]).await;
    }
    let first_call = {
        // The step at which the first call is made.
        let faults = &twin.memory.faults;
        let tasks = messages(&twin.memory.queue.receive(10));
        let work = async { twin.drain_messages(tasks).await };
        let mut work = std::pin::pin!(work);
        loop {
            let polled = futures_util::poll!(work.as_mut());
            if twin.memory.crm.count(Call::SignUp) > 0 || polled.is_ready() {
                break faults.steps();
            }
        }
    };
    scene.memory.faults.at(first_call, Fault::Panic);
    assert!(twin.memory.crm.count(Call::SignUp) > 0);

    let to_redeliver = scene.drain().await;

    assert!(to_redeliver.is_empty());
    let mut lost = Vec::new();
    for lead in &leads {
        match scene.state(lead).await {
            LeadState::Delivered { .. } => {}
            state => lost.push(state),
        }
    }
    let why = WaitReason::AnswerLost;
    assert_eq!(lost, [LeadState::waiting(why)]);
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
