//! Crashes at any step, and what happens meanwhile. The failures that a person sees are tested at the function's level.

mod meanwhile;
mod pair;
mod waiting;

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::{CallbackOutcome, CallbackParams, Choice, Connect, ConnectError};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::budget::{CallClass, Meter, Reservation};
use crate::domain::connection::{Connection, ConnectionStatus};
use crate::domain::crm::CrmError;
use crate::domain::ids::{AppId, CustomerId, LinkId, RemoteId};
use crate::domain::keys::fingerprint;
use crate::domain::link::{Link, LinkKind};
use crate::fakes::{Call, Fault, Memory};
use crate::ports::{
    Budget as _, Clock as _, Connections as _, Forms as _, Links as _, SecureRandom as _,
    TokenError, Vault as _,
};

const OTHER_ACCOUNT: &str = "account-2";

/// A scene with a second account, which has a list.
async fn scene() -> (Scene, RemoteId) {
    let scene = Scene::connected().await;
    scene
        .memory
        .crm
        .open_account(OTHER_ACCOUNT, "Jacquard Looms");
    let list = scene.memory.crm.add_list(OTHER_ACCOUNT, "News");
    (scene, list)
}

/// Opens a new link and starts an authorization: the cookie, and the state of the redirect.
async fn authorize(scene: &Scene) -> (String, String) {
    authorize_as(scene, &scene.customer).await
}

async fn authorize_as(scene: &Scene, customer: &CustomerId) -> (String, String) {
    let memory = &scene.memory;
    let end = memory.clock.now() + super::SESSION_LIFETIME;
    let id = LinkId::new(memory.random.number());
    memory
        .directory
        .create_link(customer, &id, end)
        .await
        .unwrap();
    let link = Link {
        kind: LinkKind::Connect,
        customer: customer.clone(),
        id,
        expires_at: end.as_second(),
    };
    let (connect, link) = (memory.connect(), link.sign(&memory.keys()));
    let shown = connect.show(&link, None).await.unwrap();
    let cookie = shown.session.cookie();
    let redirect = connect.start(&link, Some(cookie)).await.unwrap();
    let query: HashMap<_, _> = redirect.location.query_pairs().into_owned().collect();
    (redirect.session.cookie().to_owned(), query["state"].clone())
}

/// The value of the ticked checkbox of the terms.
async fn confirmed_terms(connect: &Connect<Memory>, cookie: &str) -> Option<String> {
    let connected = connect.connected(Some(cookie)).await.unwrap();
    Some(fingerprint(&connected.terms()))
}

fn callback_params(scene: &Scene, account: &str, state: &str) -> CallbackParams {
    CallbackParams {
        state: Some(SecretString::from(state)),
        code: Some(scene.memory.crm.authorize(account, "client").into()),
        ..CallbackParams::default()
    }
}

async fn row(scene: &Scene) -> Connection {
    let row = scene.memory.directory.connection(&scene.customer).await;
    row.unwrap().unwrap()
}

#[tokio::test]
async fn crash_during_reconnect_loses_the_connection_only_between_exchange_and_storing() {
    let (mut step, mut lost) = (0, Vec::<(u64, Fault)>::new());
    loop {
        step += 1;
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let (scene, _) = scene().await;
            let (cookie, state) = authorize(&scene).await;
            let params = callback_params(&scene, ACCOUNT, &state);
            let (connect, faults) = (scene.memory.connect(), &scene.memory.faults);
            faults.at(faults.steps() + step, fault);

            let work = connect.handle_callback(params, Some(&cookie));
            let result = faults.until_crash(work).await;
            if let Some(outcome) = result {
                assert_eq!(outcome.unwrap(), CallbackOutcome::Lists);
                assert!(step > 10, "only {step} steps");
                // Only if Constant Contact has ended the previous pair, and the new one is not in the vault yet.
                assert_eq!(lost.len(), 2, "{lost:?} of {step} steps");
                assert_eq!(lost[0].1, Fault::CrashAfter);
                assert_eq!(lost[1], (lost[0].0 + 1, Fault::CrashBefore));
                return;
            }

            assert_eq!(row(&scene).await.status, ConnectionStatus::Active, "{step}");
            assert_eq!(deliver(&scene).await, "delivered", "{step} {fault:?}");
            scene.memory.clock.advance(SignedDuration::from_hours(25));
            if deliver(&scene).await != "delivered" {
                lost.push((step, fault));
            }
        }
    }
}

/// Accepts a lead and runs a drain; returns the name of its state.
async fn deliver(scene: &Scene) -> &'static str {
    let lead = scene.sign_up("ada@example.com").await;
    scene.drain().await;
    scene.state(&lead).await.as_str()
}

#[tokio::test]
async fn crash_at_any_step_of_connecting_sends_no_lead_to_an_unconfirmed_account() {
    let mut step = 0;
    loop {
        step += 1;
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let (mut scene, other_list) = scene().await;
            scene.form.lists = vec![other_list];
            scene.memory.directory.put_form(&scene.form).await.unwrap();
            let (cookie, state) = authorize(&scene).await;
            let params = callback_params(&scene, OTHER_ACCOUNT, &state);
            let (connect, faults) = (scene.memory.connect(), &scene.memory.faults);
            faults.at(faults.steps() + step, fault);

            let work = connect.handle_callback(params, Some(&cookie));
            // The form names the other account's list, so that only the connection can block it.
            let result = faults.until_crash(work).await;
            if let Some(outcome) = result {
                assert_eq!(outcome.unwrap(), CallbackOutcome::OtherAccount);
                assert!(step > 10, "only {step} steps");
                return;
            }

            scene.submit(&[("email", "ada@example.com")]).await;
            scene.drain().await;
            assert_eq!(
                scene.memory.crm.contacts(OTHER_ACCOUNT),
                [],
                "{step} {fault:?}"
            );
        }
    }
}

#[tokio::test]
async fn customer_removed_before_the_callback_is_not_connected() {
    let (scene, _) = scene().await;
    let (cookie, state) = authorize(&scene).await;
    let params = callback_params(&scene, ACCOUNT, &state);
    let admin = scene.memory.admin();
    admin.delete_customer(&scene.customer).await.unwrap();

    let connect = scene.memory.connect();
    let result = connect.handle_callback(params, Some(&cookie)).await;

    assert!(matches!(result, Err(ConnectError::UnknownState)));
    let tokens = scene.memory.vault.tokens(&scene.customer).await.unwrap();
    assert!(tokens.is_none());
    assert_eq!(row(&scene).await.status, ConnectionStatus::Disconnected);
}

/// Polls `work` this many times at most; returns its result if it finishes.
async fn run_steps<T>(mut work: Pin<&mut impl Future<Output = T>>, steps: u32) -> Option<T> {
    for _ in 0..steps {
        let polled = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
        if let Poll::Ready(done) = polled {
            return Some(done);
        }
    }
    None
}

/// Polls each of two this many times, then lets the first finish, and then the second.
async fn race<A, B>(
    first: (impl Future<Output = A>, u32),
    second: (impl Future<Output = B>, u32),
) -> (A, B) {
    let (mut one, mut other) = (pin!(first.0), pin!(second.0));
    let first_result = run_steps(one.as_mut(), first.1).await;
    let second_result = run_steps(other.as_mut(), second.1).await;
    let first_result = match first_result {
        Some(result) => result,
        None => one.await,
    };
    match second_result {
        Some(result) => (first_result, result),
        None => (first_result, other.await),
    }
}

async fn is_fully_disconnected(scene: &Scene) -> bool {
    let tokens = scene.memory.vault.tokens(&scene.customer).await.unwrap();
    let row = scene.memory.directory.peek(&scene.customer);
    tokens.is_none() && row.is_none_or(|row| row.status == ConnectionStatus::Disconnected)
}

#[tokio::test]
async fn customer_removed_while_connecting_keeps_no_tokens_and_no_active_connection() {
    let (mut connected, mut removed) = (0, 0);
    for (connect_steps, remove_steps) in
        (0..30).flat_map(|one| (0..20).map(move |other| (one, other)))
    {
        let scene = Scene::unconnected().await;
        let (cookie, state) = authorize(&scene).await;
        let params = callback_params(&scene, ACCOUNT, &state);
        let (connect, admin) = (scene.memory.connect(), scene.memory.admin());
        let finish = connect.handle_callback(params, Some(&cookie));
        let remove = admin.delete_customer(&scene.customer);

        let (finished, deleted) = race((finish, connect_steps), (remove, remove_steps)).await;

        deleted.unwrap();
        match finished {
            Ok(outcome) => connected += i32::from(outcome == CallbackOutcome::Lists),
            Err(ConnectError::UnknownState) => removed += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(
            is_fully_disconnected(&scene).await,
            "{connect_steps} {remove_steps}"
        );
    }
    assert!(connected > 20 && removed > 20, "{connected} {removed}");
}

#[tokio::test]
async fn removing_a_customer_deletes_tokens_left_by_a_killed_callback() {
    for steps in 0..30 {
        let scene = Scene::unconnected().await;
        let (cookie, state) = authorize(&scene).await;
        let params = callback_params(&scene, ACCOUNT, &state);
        let connect = scene.memory.connect();
        run_steps(pin!(connect.handle_callback(params, Some(&cookie))), steps).await;

        let admin = scene.memory.admin();
        admin.delete_customer(&scene.customer).await.unwrap();

        assert!(is_fully_disconnected(&scene).await, "{steps}");
    }
}

#[tokio::test]
async fn throttled_code_exchange_pauses_the_token_endpoint_budget() {
    let (scene, _) = scene().await;
    let (cookie, state) = authorize(&scene).await;
    let params = callback_params(&scene, ACCOUNT, &state);
    scene.memory.crm.fail_next_token_call(TokenError::THROTTLED);

    let result = scene
        .memory
        .connect()
        .handle_callback(params, Some(&cookie))
        .await;

    assert!(matches!(result, Err(ConnectError::Busy)));
    let (budget, now) = (&scene.memory.budget, scene.memory.clock.now());
    let soon = now + SignedDuration::from_secs(2);
    let app = AppId::default_app();
    let meter = Meter::Token(&app);
    let reservation = budget.reserve(meter, CallClass::Interactive, 1, now, soon);
    let reservation = reservation.await.unwrap();
    assert!(
        matches!(reservation, Reservation::NotBefore { .. }),
        "{reservation:?}"
    );
}

#[tokio::test]
async fn callback_answers_before_the_gateway_timeout_if_the_api_is_slow() {
    for lost in [false, true] {
        let (scene, _) = scene().await;
        let crm = &scene.memory.crm;
        for call in [Call::Privileges, Call::Summary, Call::Lists] {
            crm.slow_down(call, SignedDuration::from_secs(12));
        }
        if lost {
            (0..3).for_each(|_| crm.fail_next(CrmError::AnswerLost));
        }
        let (cookie, state) = authorize(&scene).await;
        let (connect, clock) = (scene.memory.connect(), &scene.memory.clock);
        let began = clock.now();

        let params = callback_params(&scene, ACCOUNT, &state);
        let result = connect.handle_callback(params, Some(&cookie)).await;

        assert!(matches!(result, Err(ConnectError::Unavailable)), "{lost}");
        let took = clock.now().duration_since(began);
        assert!(took < SignedDuration::from_secs(29), "{took:?}");
    }
}

#[tokio::test]
async fn choosing_lists_during_a_disconnect_leaves_the_customer_disconnected() {
    let (mut chosen, mut too_late) = (0, 0);
    for (choose_steps, disconnect_steps) in
        (0..25).flat_map(|one| (0..12).map(move |other| (one, other)))
    {
        let (scene, _) = scene().await;
        let (cookie, state) = authorize(&scene).await;
        let connect = scene.memory.connect();
        let params = callback_params(&scene, ACCOUNT, &state);
        connect
            .handle_callback(params, Some(&cookie))
            .await
            .unwrap();
        let choice = Choice {
            new_list: "From the web".into(),
            terms: confirmed_terms(&connect, &cookie).await,
            ..Choice::default()
        };
        let choose = connect.choose(Some(&cookie), choice);
        let disconnect = connect.disconnect(Some(&cookie));

        let (choice, disconnected) =
            race((choose, choose_steps), (disconnect, disconnect_steps)).await;

        disconnected.unwrap();
        match choice {
            Ok(()) => chosen += 1,
            Err(ConnectError::NotReady) => too_late += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(
            is_fully_disconnected(&scene).await,
            "{choose_steps} {disconnect_steps}"
        );
    }
    assert!(chosen > 20 && too_late > 20, "{chosen} {too_late}");
}

#[tokio::test]
async fn a_choice_never_overwrites_newer_tokens() {
    let (scene, _) = scene().await;
    let (cookie, state) = authorize(&scene).await;
    let connect = scene.memory.connect();
    let params = callback_params(&scene, ACCOUNT, &state);
    connect
        .handle_callback(params, Some(&cookie))
        .await
        .unwrap();
    let before = row(&scene).await;
    let choice = Choice {
        lists: before.lists.clone(),
        terms: confirmed_terms(&connect, &cookie).await,
        ..Choice::default()
    };

    let rejected = Some(before.generation);
    let keeper = scene.memory.keeper();
    let (chosen, refreshed) = tokio::join!(
        connect.choose(Some(&cookie), choice),
        keeper.access(&scene.customer, rejected, Timestamp::MAX)
    );

    chosen.unwrap();
    let (row, generation) = (row(&scene).await, refreshed.unwrap().generation);
    assert!(row.terms.is_some());
    let stored = scene.memory.vault.tokens(&scene.customer).await;
    assert_eq!(stored.unwrap().unwrap().generation, generation);
    let access = keeper
        .access(&scene.customer, None, Timestamp::MAX)
        .await
        .unwrap();
    assert_eq!(access.generation, generation);
}
