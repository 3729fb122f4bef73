//! Disconnects and drains while an account is being connected.

use std::pin::pin;

use super::{OTHER_ACCOUNT, authorize, callback_params, race, run_steps, scene};
use crate::app::connect::{CallbackOutcome, ConnectError};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::ConnectionStatus;
use crate::fakes::Call;
use crate::ports::{Forms as _, Vault as _};

/// Whether the connection is active, and whether it has tokens, which have to agree.
async fn active_and_has_tokens(scene: &Scene) -> (bool, bool) {
    let tokens = scene.memory.vault.tokens(&scene.customer).await.unwrap();
    let row = scene.memory.directory.peek(&scene.customer).unwrap();
    (row.status == ConnectionStatus::Active, tokens.is_some())
}

#[tokio::test]
async fn disconnecting_during_a_reconnect_leaves_it_fully_connected_or_disconnected() {
    for ended_before in [false, true] {
        let (mut connected, mut ended) = (0, 0);
        for (connect_steps, disconnect_steps) in
            (0..30).flat_map(|one| (0..12).map(move |other| (one, other)))
        {
            let case = (ended_before, connect_steps, disconnect_steps);
            let (scene, _) = scene().await;
            let (connect, admin) = (scene.memory.connect(), scene.memory.admin());
            if ended_before {
                admin.disconnect(&scene.customer).await.unwrap();
            }
            let (cookie, state) = authorize(&scene).await;
            let params = callback_params(&scene, ACCOUNT, &state);

            let (finished, disconnected) = race(
                (
                    connect.handle_callback(params, Some(&cookie)),
                    connect_steps,
                ),
                (admin.disconnect(&scene.customer), disconnect_steps),
            )
            .await;

            disconnected.unwrap();
            assert!(
                matches!(
                    finished,
                    Ok(CallbackOutcome::Lists) | Err(ConnectError::Busy)
                ),
                "{case:?} {finished:?}"
            );
            match active_and_has_tokens(&scene).await {
                (true, true) => connected += 1,
                (false, false) => ended += 1,
                mismatch => panic!("{case:?} {mismatch:?}"),
            }
        }
        assert!(connected > 20 && ended > 20, "{connected} {ended}");
    }
}

#[tokio::test]
async fn late_callback_leaves_the_connection_that_was_made_after_a_disconnect() {
    let mut late = 0;
    for steps in 0..40 {
        let (scene, _) = scene().await;
        let (connect, admin) = (scene.memory.connect(), scene.memory.admin());
        let (cookie, state) = authorize(&scene).await;
        let params = callback_params(&scene, OTHER_ACCOUNT, &state);
        let mut first = pin!(connect.handle_callback(params, Some(&cookie)));
        if run_steps(first.as_mut(), steps).await.is_some() {
            break;
        }
        admin.disconnect(&scene.customer).await.unwrap();
        let (cookie, state) = authorize(&scene).await;
        let params = callback_params(&scene, ACCOUNT, &state);
        let second = connect.handle_callback(params, Some(&cookie)).await;
        assert!(second.is_ok(), "{steps} {second:?}");

        let finished = first.await;

        late += u32::from(matches!(finished, Err(ConnectError::Busy)));
        let tokens = scene.memory.vault.tokens(&scene.customer).await.unwrap();
        let row = scene.memory.directory.peek(&scene.customer).unwrap();
        assert!(tokens.is_some(), "{steps}");
        assert_ne!(row.status, ConnectionStatus::Disconnected, "{steps}");
    }
    assert!(late > 5, "{late}");
}

#[tokio::test]
async fn connection_ended_after_the_code_exchange_stays_disconnected() {
    for calls in [1, 2] {
        let (scene, _) = scene().await;
        let (cookie, state) = authorize(&scene).await;
        let params = callback_params(&scene, ACCOUNT, &state);
        let (connect, crm) = (scene.memory.connect(), &scene.memory.crm);
        let mut work = pin!(connect.handle_callback(params, Some(&cookie)));
        // Until the exchange was answered, or the account was asked as well.
        while crm.count(Call::Exchange) + crm.count(Call::Summary) < calls {
            assert!(run_steps(work.as_mut(), 1).await.is_none());
        }

        let admin = scene.memory.admin();
        admin.disconnect(&scene.customer).await.unwrap();
        let finished = work.await;

        assert!(matches!(finished, Err(ConnectError::Busy)), "{finished:?}");
        assert_eq!(
            active_and_has_tokens(&scene).await,
            (false, false),
            "{calls}"
        );
    }
}

#[tokio::test]
async fn drain_during_connecting_sends_no_lead_to_an_unconfirmed_account() {
    for (drain_steps, connect_steps) in
        (0..20).flat_map(|one| (0..30).map(move |other| (one, other)))
    {
        let (mut scene, other_list) = scene().await;
        // The form names the other account's list, so that only the connection can block it.
        scene.form.lists = vec![other_list];
        scene.memory.directory.put_form(&scene.form).await.unwrap();
        scene.sign_up("ada@example.com").await;
        let (cookie, state) = authorize(&scene).await;
        let params = callback_params(&scene, OTHER_ACCOUNT, &state);
        let connect = scene.memory.connect();

        let (given_back, outcome) = race(
            (scene.drain(), drain_steps),
            (
                connect.handle_callback(params, Some(&cookie)),
                connect_steps,
            ),
        )
        .await;

        assert!(given_back.is_empty());
        assert_eq!(outcome.unwrap(), CallbackOutcome::OtherAccount);
        assert_eq!(
            scene.memory.crm.contacts(OTHER_ACCOUNT),
            [],
            "{drain_steps} {connect_steps}"
        );
    }
}
