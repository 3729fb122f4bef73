//! A new pair ends those that the same user was granted before: which connections survive.

use std::pin::pin;

use jiff::{SignedDuration, Timestamp};

use super::{
    OTHER_ACCOUNT, authorize, authorize_as, callback_params, deliver, is_fully_disconnected, race,
    row, run_steps, scene,
};
use crate::app::connect::{CallbackOutcome, CallbackParams, ConnectError};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::{Connection, ConnectionStatus};
use crate::domain::crm::CrmError;
use crate::domain::customer::Customer;
use crate::domain::ids::CustomerId;
use crate::fakes::{Call, samples};
use crate::ports::{Clock as _, Connections as _, Customers as _, Event, Vault as _};

/// Long enough that every token that is valid now has to be refreshed.
const PAST_TOKEN_EXPIRY: SignedDuration = SignedDuration::from_hours(25);

const RIGHTS: [&str; 3] = ["contacts:read", "contacts:write", "contacts:lists:read"];

/// Finishes an authorization of a customer by a user of an account.
async fn finish_as(
    scene: &Scene,
    customer: &CustomerId,
    login: &str,
    account: &str,
) -> Result<CallbackOutcome, ConnectError> {
    let (cookie, state) = authorize_as(scene, customer).await;
    let code = scene.memory.crm.authorize_as(login, account, "client");
    let params = CallbackParams {
        code: Some(code.into()),
        ..callback_params(scene, account, &state)
    };
    scene
        .memory
        .connect()
        .handle_callback(params, Some(&cookie))
        .await
}

/// The user who connected the scene's customer.
const OWNER: &str = "owner@account-1";

async fn another_customer(scene: &Scene) -> CustomerId {
    let customer = Customer {
        id: "looms".parse().unwrap(),
        ..samples::customer(scene.memory.clock.now())
    };
    let put = scene.memory.directory.put_customer(&customer).await;
    assert!(put.unwrap());
    customer.id
}

async fn row_of(scene: &Scene, customer: &CustomerId) -> Option<Connection> {
    scene.memory.directory.connection(customer).await.unwrap()
}

fn make_account_unreachable(scene: &Scene) {
    (0..3).for_each(|_| scene.memory.crm.fail_next(CrmError::Unavailable));
}

#[tokio::test]
async fn reconnect_while_the_account_is_unreachable_keeps_the_connection() {
    let (scene, _) = scene().await;
    let before = row(&scene).await;
    make_account_unreachable(&scene);

    let result = finish_as(&scene, &scene.customer, OWNER, ACCOUNT).await;

    assert!(matches!(result, Err(ConnectError::Unavailable)));
    let after = Connection {
        generation: before.generation + 1,
        token_expires_at: row(&scene).await.token_expires_at,
        ..before
    };
    assert_eq!(row(&scene).await, after);
    scene.memory.clock.advance(PAST_TOKEN_EXPIRY);
    assert_eq!(deliver(&scene).await, "delivered");
}

#[tokio::test]
async fn unverified_tokens_of_another_user_do_not_replace_working_ones() {
    for (login, account) in [
        ("ada@account-1", ACCOUNT),
        ("owner@account-2", OTHER_ACCOUNT),
    ] {
        let (scene, _) = scene().await;
        let before = row(&scene).await;
        make_account_unreachable(&scene);

        let result = finish_as(&scene, &scene.customer, login, account).await;

        assert!(matches!(result, Err(ConnectError::Unavailable)));
        assert_eq!(row(&scene).await, before);
        let stored = scene.memory.vault.tokens(&scene.customer).await.unwrap();
        assert_eq!(stored.unwrap().generation, before.generation);
        scene.memory.clock.advance(PAST_TOKEN_EXPIRY);
        assert_eq!(deliver(&scene).await, "delivered", "{login}");
        assert_eq!(scene.memory.crm.contacts(OTHER_ACCOUNT), []);
    }
}

#[tokio::test]
async fn reconnect_by_a_user_who_lost_rights_keeps_the_connection() {
    let (scene, _) = scene().await;
    scene.memory.crm.set_privileges(ACCOUNT, &[]);

    let result = finish_as(&scene, &scene.customer, OWNER, ACCOUNT).await;

    assert!(matches!(result, Err(ConnectError::MissingPrivilege)));
    scene.memory.crm.set_privileges(ACCOUNT, &RIGHTS);
    scene.memory.clock.advance(PAST_TOKEN_EXPIRY);
    assert_eq!(deliver(&scene).await, "delivered");
}

#[tokio::test]
async fn refresh_at_any_step_of_a_reconnect_keeps_the_connection() {
    for (connect_steps, refresh_steps, unreachable) in (0..30)
        .flat_map(|one| (0..14).map(move |other| (one, other)))
        .flat_map(|(one, other)| [true, false].map(|unreachable| (one, other, unreachable)))
    {
        let (scene, _) = scene().await;
        let (memory, case) = (&scene.memory, (connect_steps, refresh_steps, unreachable));
        let (cookie, state) = authorize(&scene).await;
        let (connect, keeper) = (memory.connect(), memory.keeper());
        let params = callback_params(&scene, ACCOUNT, &state);
        if unreachable {
            make_account_unreachable(&scene);
        }
        let rejected = Some(row(&scene).await.generation);
        let end = Timestamp::MAX;

        let (finished, _) = race(
            (
                connect.handle_callback(params, Some(&cookie)),
                connect_steps,
            ),
            (keeper.access(&scene.customer, rejected, end), refresh_steps),
        )
        .await;

        assert_eq!(finished.is_err(), unreachable, "{case:?} {finished:?}");
        assert_eq!(row(&scene).await.status, ConnectionStatus::Active);
        memory.clock.advance(PAST_TOKEN_EXPIRY);
        assert_eq!(deliver(&scene).await, "delivered", "{case:?}");
    }
}

#[tokio::test]
async fn disconnecting_at_any_step_of_a_failing_reconnect_leaves_no_tokens() {
    for (connect_steps, disconnect_steps) in
        (0..20).flat_map(|one| (0..20).map(move |other| (one, other)))
    {
        let (scene, _) = scene().await;
        let (cookie, state) = authorize(&scene).await;
        let params = callback_params(&scene, ACCOUNT, &state);
        let (connect, admin) = (scene.memory.connect(), scene.memory.admin());
        make_account_unreachable(&scene);

        let (finished, disconnected) = race(
            (
                connect.handle_callback(params, Some(&cookie)),
                connect_steps,
            ),
            (admin.disconnect(&scene.customer), disconnect_steps),
        )
        .await;

        disconnected.unwrap();
        assert!(finished.is_err());
        assert!(
            is_fully_disconnected(&scene).await,
            "{connect_steps} {disconnect_steps}"
        );
    }
}

#[tokio::test]
async fn user_cannot_connect_a_second_customer_and_the_first_keeps_working() {
    let (scene, _) = scene().await;
    let looms = another_customer(&scene).await;
    let connected = finish_as(&scene, &scene.customer, OWNER, ACCOUNT).await;
    assert_eq!(connected.unwrap(), CallbackOutcome::Lists);
    let before = row(&scene).await;

    let refused = finish_as(&scene, &looms, OWNER, ACCOUNT).await;

    assert!(matches!(refused, Err(ConnectError::UserTaken)));
    assert_eq!(row_of(&scene, &looms).await, None);
    let pair = scene.memory.vault.tokens(&looms).await.unwrap();
    assert!(pair.is_none());
    assert_eq!(row(&scene).await.generation, before.generation + 1);
    scene.memory.clock.advance(PAST_TOKEN_EXPIRY);
    assert_eq!(deliver(&scene).await, "delivered");
    let another = finish_as(&scene, &looms, "ada@account-1", ACCOUNT).await;
    assert_eq!(another.unwrap(), CallbackOutcome::Lists);
    scene.memory.clock.advance(PAST_TOKEN_EXPIRY);
    assert_eq!(deliver(&scene).await, "delivered");
}

#[tokio::test]
async fn user_can_connect_another_customer_once_the_first_ended_or_changed_user() {
    for way in ["disconnected", "removed", "by another user", "given up"] {
        let (scene, _) = scene().await;
        let (looms, admin) = (another_customer(&scene).await, scene.memory.admin());
        let first = &scene.customer;
        let connected = finish_as(&scene, first, OWNER, ACCOUNT).await;
        assert_eq!(connected.unwrap(), CallbackOutcome::Lists);
        match way {
            "disconnected" => admin.disconnect(first).await.unwrap(),
            "removed" => admin.delete_customer(first).await.unwrap(),
            "given up" => {
                scene.memory.crm.revoke(ACCOUNT);
                scene.memory.clock.advance(PAST_TOKEN_EXPIRY);
                assert_eq!(deliver(&scene).await, "waiting");
            }
            _ => {
                let other = finish_as(&scene, first, "ada@account-1", ACCOUNT).await;
                assert_eq!(other.unwrap(), CallbackOutcome::Lists);
            }
        }
        scene.memory.clock.advance(SignedDuration::from_mins(1));

        let second = finish_as(&scene, &looms, OWNER, ACCOUNT).await;

        assert_eq!(second.unwrap(), CallbackOutcome::Lists, "{way}");
        if way != "removed" {
            let again = finish_as(&scene, first, OWNER, ACCOUNT).await;
            assert!(matches!(again, Err(ConnectError::UserTaken)), "{way}");
        }
        let row = row_of(&scene, &looms).await.unwrap();
        assert_eq!(row.status, ConnectionStatus::Active);
    }
}

#[tokio::test]
async fn one_user_connecting_two_customers_concurrently_connects_exactly_one() {
    for (first_steps, second_steps) in
        (0..30).flat_map(|one| (0..30).map(move |other| (one, other)))
    {
        let scene = Scene::unconnected().await;
        let looms = another_customer(&scene).await;

        let (first, second) = race(
            (
                finish_as(&scene, &scene.customer, OWNER, ACCOUNT),
                first_steps,
            ),
            (finish_as(&scene, &looms, OWNER, ACCOUNT), second_steps),
        )
        .await;

        let done = [first.is_ok(), second.is_ok()];
        assert_ne!(
            done[0], done[1],
            "{first_steps} {second_steps}: {first:?} {second:?}"
        );
        for (customer, done) in [(&scene.customer, done[0]), (&looms, done[1])] {
            let pair = scene.memory.vault.tokens(customer).await.unwrap();
            assert_eq!(pair.is_some(), done, "{first_steps} {second_steps}");
            assert_eq!(row_of(&scene, customer).await.is_some(), done);
        }
    }
}

#[tokio::test]
async fn two_customers_with_one_user_from_before_users_were_recorded_can_reconnect() {
    let (scene, _) = scene().await;
    let looms = another_customer(&scene).await;
    let other = Connection {
        customer: looms.clone(),
        ..row(&scene).await
    };
    scene.memory.put_connected(other, "client").await;

    for customer in [&scene.customer, &looms, &scene.customer] {
        let again = finish_as(&scene, customer, OWNER, ACCOUNT).await;
        assert_eq!(again.unwrap(), CallbackOutcome::Lists);
    }

    scene.memory.clock.advance(PAST_TOKEN_EXPIRY);
    assert_eq!(deliver(&scene).await, "delivered");
}

#[tokio::test]
async fn reconnect_revives_a_connection_given_up_meanwhile_and_publishes_it() {
    let (scene, _) = scene().await;
    let memory = &scene.memory;
    memory.clock.advance(PAST_TOKEN_EXPIRY);
    let (cookie, state) = authorize(&scene).await;
    let params = callback_params(&scene, ACCOUNT, &state);
    let connect = memory.connect();
    make_account_unreachable(&scene);
    let mut finish = pin!(connect.handle_callback(params, Some(&cookie)));
    while memory.crm.count(Call::Exchange) == 0 {
        assert!(run_steps(finish.as_mut(), 1).await.is_none());
    }

    assert_eq!(deliver(&scene).await, "waiting");
    let result = finish.await;

    assert!(matches!(result, Err(ConnectError::Unavailable)));
    let statuses = memory.events.published().into_iter();
    let statuses: Vec<_> = statuses
        .filter_map(|event| match event {
            Event::Connection { status, .. } => Some(status),
            _ => None,
        })
        .collect();
    assert_eq!(
        statuses.last(),
        Some(&ConnectionStatus::Active),
        "{statuses:?}"
    );
    assert_eq!(memory.release().await.unwrap().waited, 1);
}
