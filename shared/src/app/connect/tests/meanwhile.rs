//! What others do while an account is being connected.

use std::pin::pin;

use super::{OTHER, authorize, back, race, scene, take};
use crate::app::connect::{CallbackOutcome, ConnectError};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::ConnectionStatus;
use crate::fakes::Call;
use crate::ports::{Forms as _, Vault as _};

/// Whether there are tokens, which there must be if and only if the connection is active.
async fn is_connected(scene: &Scene) -> (bool, bool) {
    let tokens = scene.memory.vault.tokens(&scene.customer).await.unwrap();
    let row = scene.memory.directory.look(&scene.customer).unwrap();
    (row.status == ConnectionStatus::Active, tokens.is_some())
}

#[tokio::test]
async fn what_is_ended_at_any_moment_of_connecting_again_is_connected_whole_or_not_at_all() {
    for ended_before in [false, true] {
        let (mut connected, mut ended) = (0, 0);
        for (again, over) in (0..30).flat_map(|one| (0..12).map(move |other| (one, other))) {
            let case = (ended_before, again, over);
            let (scene, _) = scene().await;
            let (connect, admin) = (scene.memory.connect(), scene.memory.admin());
            if ended_before {
                admin.disconnect(&scene.customer).await.unwrap();
            }
            let (cookie, state) = authorize(&scene).await;
            let back = back(&scene, ACCOUNT, &state);

            let (finished, done) = race(
                (connect.finish(back, Some(&cookie)), again),
                (admin.disconnect(&scene.customer), over),
            )
            .await;

            done.unwrap();
            assert!(
                matches!(
                    finished,
                    Ok(CallbackOutcome::Lists) | Err(ConnectError::Busy)
                ),
                "{case:?} {finished:?}"
            );
            match is_connected(&scene).await {
                (true, true) => connected += 1,
                (false, false) => ended += 1,
                odd => panic!("{case:?} {odd:?}"),
            }
        }
        assert!(connected > 20 && ended > 20, "{connected} {ended}");
    }
}

#[tokio::test]
async fn what_is_ended_once_its_new_code_was_exchanged_stays_ended() {
    for exchanged in [1, 2] {
        let (scene, _) = scene().await;
        let (cookie, state) = authorize(&scene).await;
        let back = back(&scene, ACCOUNT, &state);
        let (connect, crm) = (scene.memory.connect(), &scene.memory.crm);
        let mut work = pin!(connect.finish(back, Some(&cookie)));
        // Until the answer has come, or the account was asked as well.
        while crm.count(Call::Exchange) + crm.count(Call::Summary) < exchanged {
            assert!(take(work.as_mut(), 1).await.is_none());
        }

        let admin = scene.memory.admin();
        admin.disconnect(&scene.customer).await.unwrap();
        let finished = work.await;

        assert!(matches!(finished, Err(ConnectError::Busy)), "{finished:?}");
        assert_eq!(is_connected(&scene).await, (false, false), "{exchanged}");
    }
}

#[tokio::test]
async fn a_drain_at_any_moment_of_connecting_sends_no_lead_to_an_account_nobody_confirmed() {
    for (drained, connected) in (0..20).flat_map(|one| (0..30).map(move |other| (one, other))) {
        let (mut scene, others) = scene().await;
        // The form names the other account's list, so that only the connection can block it.
        scene.form.lists = vec![others];
        scene.memory.directory.put_form(&scene.form).await.unwrap();
        scene.sign_up("ada@example.com").await;
        let (cookie, state) = authorize(&scene).await;
        let back = back(&scene, OTHER, &state);
        let connect = scene.memory.connect();

        let (again, landing) = race(
            (scene.drain(), drained),
            (connect.finish(back, Some(&cookie)), connected),
        )
        .await;

        assert!(again.is_empty());
        assert_eq!(landing.unwrap(), CallbackOutcome::OtherAccount);
        assert_eq!(
            scene.memory.crm.contacts(OTHER),
            [],
            "{drained} {connected}"
        );
    }
}
