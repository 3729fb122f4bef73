//! What a crash at any step leaves behind. The failures that a person sees are tested at the function's level.

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

const OTHER: &str = "account-2";

/// A scene with a second account, which has a list.
async fn scene() -> (Scene, RemoteId) {
    let scene = Scene::connected().await;
    scene.memory.crm.open_account(OTHER, "Jacquard Looms");
    let list = scene.memory.crm.add_list(OTHER, "News");
    (scene, list)
}

/// A browser that has followed a new link: its cookie, and the state it left with.
async fn authorize(scene: &Scene) -> (String, String) {
    authorize_as(scene, &scene.customer).await
}

async fn authorize_as(scene: &Scene, customer: &CustomerId) -> (String, String) {
    let memory = &scene.memory;
    let end = memory.clock.now() + super::SESSION_FOR;
    let id = LinkId::new(memory.random.number());
    memory.directory.mint(customer, &id, end).await.unwrap();
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

/// The value of the terms' checkbox, as a browser sees it.
async fn tick(connect: &Connect<Memory>, cookie: &str) -> Option<String> {
    let connected = connect.connected(Some(cookie)).await.unwrap();
    Some(fingerprint(&connected.terms()))
}

fn back(scene: &Scene, account: &str, state: &str) -> CallbackParams {
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
async fn a_function_killed_at_any_step_of_a_reconnect_leaves_a_connection_that_works() {
    let (mut step, mut lost) = (0, Vec::<(u64, Fault)>::new());
    loop {
        step += 1;
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let (scene, _) = scene().await;
            let (cookie, state) = authorize(&scene).await;
            let back = back(&scene, ACCOUNT, &state);
            let (connect, faults) = (scene.memory.connect(), &scene.memory.faults);
            faults.at(faults.steps() + step, fault);

            let work = connect.finish(back, Some(&cookie));
            let whole = faults.until_crash(work).await;
            if let Some(landing) = whole {
                assert_eq!(landing.unwrap(), CallbackOutcome::Lists);
                assert!(step > 10, "only {step} steps");
                // Only if Constant Contact has ended the previous pair, and the vault has nothing yet.
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

/// What becomes of a lead that comes in now.
async fn deliver(scene: &Scene) -> &'static str {
    let lead = scene.sign_up("ada@example.com").await;
    scene.drain().await;
    scene.state(&lead).await.as_str()
}

#[tokio::test]
async fn a_function_killed_at_any_step_sends_no_lead_to_an_account_nobody_confirmed() {
    let mut step = 0;
    loop {
        step += 1;
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let (mut scene, others) = scene().await;
            scene.form.lists = vec![others];
            scene.memory.directory.put_form(&scene.form).await.unwrap();
            let (cookie, state) = authorize(&scene).await;
            let back = back(&scene, OTHER, &state);
            let (connect, faults) = (scene.memory.connect(), &scene.memory.faults);
            faults.at(faults.steps() + step, fault);

            let work = connect.finish(back, Some(&cookie));
            // The form names the other account's list, so that only the connection can block it.
            let whole = faults.until_crash(work).await;
            if let Some(landing) = whole {
                assert_eq!(landing.unwrap(), CallbackOutcome::OtherAccount);
                assert!(step > 10, "only {step} steps");
                return;
            }

            scene.submit(&[("email", "ada@example.com")]).await;
            scene.drain().await;
            assert_eq!(scene.memory.crm.contacts(OTHER), [], "{step} {fault:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_connected_to_a_customer_who_was_removed_on_the_way() {
    let (scene, _) = scene().await;
    let (cookie, state) = authorize(&scene).await;
    let back = back(&scene, ACCOUNT, &state);
    let admin = scene.memory.admin();
    admin.delete_customer(&scene.customer).await.unwrap();

    let connect = scene.memory.connect();
    let ended = connect.finish(back, Some(&cookie)).await;

    assert!(matches!(ended, Err(ConnectError::UnknownState)));
    let tokens = scene.memory.vault.tokens(&scene.customer).await.unwrap();
    assert!(tokens.is_none());
    assert_eq!(row(&scene).await.status, ConnectionStatus::Disconnected);
}

/// Lets `work` take this many steps at most; returns its result if it finishes.
async fn take<T>(mut work: Pin<&mut impl Future<Output = T>>, steps: u32) -> Option<T> {
    for _ in 0..steps {
        let polled = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
        if let Poll::Ready(done) = polled {
            return Some(done);
        }
    }
    None
}

/// Lets each of two take this many steps, then the first finish, and then the other.
async fn race<A, B>(
    first: (impl Future<Output = A>, u32),
    second: (impl Future<Output = B>, u32),
) -> (A, B) {
    let (mut one, mut other) = (pin!(first.0), pin!(second.0));
    let early = take(one.as_mut(), first.1).await;
    let over = take(other.as_mut(), second.1).await;
    let early = match early {
        Some(early) => early,
        None => one.await,
    };
    match over {
        Some(over) => (early, over),
        None => (early, other.await),
    }
}

async fn nothing_is_left_of(scene: &Scene) -> bool {
    let tokens = scene.memory.vault.tokens(&scene.customer).await.unwrap();
    let row = scene.memory.directory.look(&scene.customer);
    tokens.is_none() && row.is_none_or(|row| row.status == ConnectionStatus::Disconnected)
}

#[tokio::test]
async fn a_customer_who_is_removed_at_any_moment_of_connecting_leaves_no_tokens_and_nothing_active()
{
    let (mut both, mut gone) = (0, 0);
    for (connected, removed) in (0..30).flat_map(|one| (0..20).map(move |other| (one, other))) {
        let scene = Scene::unconnected().await;
        let (cookie, state) = authorize(&scene).await;
        let back = back(&scene, ACCOUNT, &state);
        let (connect, admin) = (scene.memory.connect(), scene.memory.admin());
        let finish = connect.finish(back, Some(&cookie));
        let remove = admin.delete_customer(&scene.customer);

        let (finished, over) = race((finish, connected), (remove, removed)).await;

        over.unwrap();
        match finished {
            Ok(landing) => both += i32::from(landing == CallbackOutcome::Lists),
            Err(ConnectError::UnknownState) => gone += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(nothing_is_left_of(&scene).await, "{connected} {removed}");
    }
    assert!(both > 20 && gone > 20, "{both} {gone}");
}

#[tokio::test]
async fn tokens_that_a_killed_callback_left_without_a_row_are_gone_with_the_customer() {
    for steps in 0..30 {
        let scene = Scene::unconnected().await;
        let (cookie, state) = authorize(&scene).await;
        let back = back(&scene, ACCOUNT, &state);
        let connect = scene.memory.connect();
        take(pin!(connect.finish(back, Some(&cookie))), steps).await;

        let admin = scene.memory.admin();
        admin.delete_customer(&scene.customer).await.unwrap();

        assert!(nothing_is_left_of(&scene).await, "{steps}");
    }
}

#[tokio::test]
async fn a_token_endpoint_that_took_no_code_for_want_of_room_is_left_alone_by_all() {
    let (scene, _) = scene().await;
    let (cookie, state) = authorize(&scene).await;
    let back = back(&scene, ACCOUNT, &state);
    scene.memory.crm.token_answer_next(TokenError::THROTTLED);

    let ended = scene.memory.connect().finish(back, Some(&cookie)).await;

    assert!(matches!(ended, Err(ConnectError::Busy)));
    let (budget, now) = (&scene.memory.budget, scene.memory.clock.now());
    let soon = now + SignedDuration::from_secs(2);
    let app = AppId::default_app();
    let meter = Meter::Token(&app);
    let turn = budget.reserve(meter, CallClass::Interactive, 1, now, soon);
    let turn = turn.await.unwrap();
    assert!(matches!(turn, Reservation::NotBefore { .. }), "{turn:?}");
}

#[tokio::test]
async fn whatever_hangs_at_the_other_end_a_person_is_answered_before_the_gateway_gives_up() {
    for lost in [false, true] {
        let (scene, _) = scene().await;
        let crm = &scene.memory.crm;
        for call in [Call::Privileges, Call::Summary, Call::Lists] {
            crm.slow_down(call, SignedDuration::from_secs(12));
        }
        if lost {
            (0..3).for_each(|_| crm.answer_next(CrmError::AnswerLost));
        }
        let (cookie, state) = authorize(&scene).await;
        let (connect, clock) = (scene.memory.connect(), &scene.memory.clock);
        let began = clock.now();

        let back = back(&scene, ACCOUNT, &state);
        let ended = connect.finish(back, Some(&cookie)).await;

        assert!(matches!(ended, Err(ConnectError::Unavailable)), "{lost}");
        let took = clock.now().duration_since(began);
        assert!(took < SignedDuration::from_secs(29), "{took:?}");
    }
}

#[tokio::test]
async fn a_choice_at_any_moment_of_a_disconnect_leaves_it_disconnected() {
    let (mut done, mut late) = (0, 0);
    for (chosen, ended) in (0..25).flat_map(|one| (0..12).map(move |other| (one, other))) {
        let (scene, _) = scene().await;
        let (cookie, state) = authorize(&scene).await;
        let connect = scene.memory.connect();
        let back = back(&scene, ACCOUNT, &state);
        connect.finish(back, Some(&cookie)).await.unwrap();
        let choice = Choice {
            new_list: "From the web".into(),
            terms: tick(&connect, &cookie).await,
            ..Choice::default()
        };
        let choose = connect.choose(Some(&cookie), choice);
        let disconnect = connect.disconnect(Some(&cookie));

        let (choice, over) = race((choose, chosen), (disconnect, ended)).await;

        over.unwrap();
        match choice {
            Ok(()) => done += 1,
            Err(ConnectError::NotReady) => late += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(nothing_is_left_of(&scene).await, "{chosen} {ended}");
    }
    assert!(done > 20 && late > 20, "{done} {late}");
}

#[tokio::test]
async fn a_choice_never_overwrites_newer_tokens() {
    let (scene, _) = scene().await;
    let (cookie, state) = authorize(&scene).await;
    let connect = scene.memory.connect();
    let back = back(&scene, ACCOUNT, &state);
    connect.finish(back, Some(&cookie)).await.unwrap();
    let before = row(&scene).await;
    let choice = Choice {
        lists: before.lists.clone(),
        terms: tick(&connect, &cookie).await,
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
