//! A new pair ends those that the same user was granted before: whose connection survives.

use std::pin::pin;

use jiff::{SignedDuration, Timestamp};

use super::{
    OTHER, authorize, authorize_as, back, deliver, nothing_is_left_of, race, row, scene, take,
};
use crate::app::connect::{CallbackOutcome, CallbackParams, ConnectError};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::{Connection, ConnectionStatus};
use crate::domain::crm::CrmError;
use crate::domain::customer::Customer;
use crate::domain::ids::CustomerId;
use crate::fakes::{Call, samples};
use crate::ports::{Clock as _, Connections as _, Customers as _, Event, Vault as _};

/// By then every token that is valid now has to have been refreshed.
const TOMORROW: SignedDuration = SignedDuration::from_hours(25);

const RIGHTS: [&str; 3] = ["contacts:read", "contacts:write", "contacts:lists:read"];

/// A person comes back who is connecting a customer as a user of an account.
async fn come_back(
    scene: &Scene,
    customer: &CustomerId,
    login: &str,
    account: &str,
) -> Result<CallbackOutcome, ConnectError> {
    let (cookie, state) = authorize_as(scene, customer).await;
    let code = scene.memory.crm.authorize_as(login, account, "client");
    let back = CallbackParams {
        code: Some(code.into()),
        ..back(scene, account, &state)
    };
    scene.memory.connect().finish(back, Some(&cookie)).await
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

fn hide_the_account(scene: &Scene) {
    (0..3).for_each(|_| scene.memory.crm.answer_next(CrmError::Unavailable));
}

#[tokio::test]
async fn whoever_connects_again_while_the_account_is_out_of_reach_keeps_the_connection() {
    let (scene, _) = scene().await;
    let before = row(&scene).await;
    hide_the_account(&scene);

    let ended = come_back(&scene, &scene.customer, OWNER, ACCOUNT).await;

    assert!(matches!(ended, Err(ConnectError::Unavailable)));
    let after = Connection {
        generation: before.generation + 1,
        token_expires_at: row(&scene).await.token_expires_at,
        ..before
    };
    assert_eq!(row(&scene).await, after);
    scene.memory.clock.advance(TOMORROW);
    assert_eq!(deliver(&scene).await, "delivered");
}

#[tokio::test]
async fn another_users_tokens_are_not_put_in_the_place_of_those_that_work() {
    for (login, account) in [("ada@account-1", ACCOUNT), ("owner@account-2", OTHER)] {
        let (scene, _) = scene().await;
        let before = row(&scene).await;
        hide_the_account(&scene);

        let ended = come_back(&scene, &scene.customer, login, account).await;

        assert!(matches!(ended, Err(ConnectError::Unavailable)));
        assert_eq!(row(&scene).await, before);
        let stored = scene.memory.vault.tokens(&scene.customer).await.unwrap();
        assert_eq!(stored.unwrap().generation, before.generation);
        scene.memory.clock.advance(TOMORROW);
        assert_eq!(deliver(&scene).await, "delivered", "{login}");
        assert_eq!(scene.memory.crm.contacts(OTHER), []);
    }
}

#[tokio::test]
async fn a_user_who_lost_their_rights_ends_no_connection_by_trying_again() {
    let (scene, _) = scene().await;
    scene.memory.crm.set_privileges(ACCOUNT, &[]);

    let ended = come_back(&scene, &scene.customer, OWNER, ACCOUNT).await;

    assert!(matches!(ended, Err(ConnectError::MissingPrivilege)));
    scene.memory.crm.set_privileges(ACCOUNT, &RIGHTS);
    scene.memory.clock.advance(TOMORROW);
    assert_eq!(deliver(&scene).await, "delivered");
}

#[tokio::test]
async fn a_refresh_at_any_moment_of_connecting_again_costs_no_connection() {
    for (again, refreshed, hidden) in (0..30)
        .flat_map(|one| (0..14).map(move |other| (one, other)))
        .flat_map(|(one, other)| [true, false].map(|hidden| (one, other, hidden)))
    {
        let (scene, _) = scene().await;
        let (memory, case) = (&scene.memory, (again, refreshed, hidden));
        let (cookie, state) = authorize(&scene).await;
        let (connect, keeper) = (memory.connect(), memory.keeper());
        let back = back(&scene, ACCOUNT, &state);
        if hidden {
            hide_the_account(&scene);
        }
        let rejected = Some(row(&scene).await.generation);
        let end = Timestamp::MAX;

        let (finished, _) = race(
            (connect.finish(back, Some(&cookie)), again),
            (keeper.access(&scene.customer, rejected, end), refreshed),
        )
        .await;

        assert_eq!(finished.is_err(), hidden, "{case:?} {finished:?}");
        assert_eq!(row(&scene).await.status, ConnectionStatus::Active);
        memory.clock.advance(TOMORROW);
        assert_eq!(deliver(&scene).await, "delivered", "{case:?}");
    }
}

#[tokio::test]
async fn what_was_ended_at_any_moment_of_connecting_again_in_vain_leaves_no_tokens() {
    for (again, ended) in (0..20).flat_map(|one| (0..20).map(move |other| (one, other))) {
        let (scene, _) = scene().await;
        let (cookie, state) = authorize(&scene).await;
        let back = back(&scene, ACCOUNT, &state);
        let (connect, admin) = (scene.memory.connect(), scene.memory.admin());
        hide_the_account(&scene);

        let (finished, over) = race(
            (connect.finish(back, Some(&cookie)), again),
            (admin.disconnect(&scene.customer), ended),
        )
        .await;

        over.unwrap();
        assert!(finished.is_err());
        assert!(nothing_is_left_of(&scene).await, "{again} {ended}");
    }
}

#[tokio::test]
async fn a_user_who_connects_a_customer_connects_no_other_and_the_first_goes_on() {
    let (scene, _) = scene().await;
    let looms = another_customer(&scene).await;
    let whole = come_back(&scene, &scene.customer, OWNER, ACCOUNT).await;
    assert_eq!(whole.unwrap(), CallbackOutcome::Lists);
    let before = row(&scene).await;

    let taken = come_back(&scene, &looms, OWNER, ACCOUNT).await;

    assert!(matches!(taken, Err(ConnectError::UserTaken)));
    assert_eq!(row_of(&scene, &looms).await, None);
    let pair = scene.memory.vault.tokens(&looms).await.unwrap();
    assert!(pair.is_none());
    assert_eq!(row(&scene).await.generation, before.generation + 1);
    scene.memory.clock.advance(TOMORROW);
    assert_eq!(deliver(&scene).await, "delivered");
    let another = come_back(&scene, &looms, "ada@account-1", ACCOUNT).await;
    assert_eq!(another.unwrap(), CallbackOutcome::Lists);
    scene.memory.clock.advance(TOMORROW);
    assert_eq!(deliver(&scene).await, "delivered");
}

#[tokio::test]
async fn a_user_is_free_for_another_customer_once_the_first_is_no_longer_connected_by_them() {
    for way in ["disconnected", "removed", "by another user", "given up"] {
        let (scene, _) = scene().await;
        let (looms, admin) = (another_customer(&scene).await, scene.memory.admin());
        let first = &scene.customer;
        let whole = come_back(&scene, first, OWNER, ACCOUNT).await;
        assert_eq!(whole.unwrap(), CallbackOutcome::Lists);
        match way {
            "disconnected" => admin.disconnect(first).await.unwrap(),
            "removed" => admin.delete_customer(first).await.unwrap(),
            "given up" => {
                scene.memory.crm.revoke(ACCOUNT);
                scene.memory.clock.advance(TOMORROW);
                assert_eq!(deliver(&scene).await, "waiting");
            }
            _ => {
                let other = come_back(&scene, first, "ada@account-1", ACCOUNT).await;
                assert_eq!(other.unwrap(), CallbackOutcome::Lists);
            }
        }
        scene.memory.clock.advance(SignedDuration::from_mins(1));

        let second = come_back(&scene, &looms, OWNER, ACCOUNT).await;

        assert_eq!(second.unwrap(), CallbackOutcome::Lists, "{way}");
        if way != "removed" {
            let back = come_back(&scene, first, OWNER, ACCOUNT).await;
            assert!(matches!(back, Err(ConnectError::UserTaken)), "{way}");
        }
        let row = row_of(&scene, &looms).await.unwrap();
        assert_eq!(row.status, ConnectionStatus::Active);
    }
}

#[tokio::test]
async fn of_two_customers_connecting_by_one_user_at_any_moment_one_is_connected() {
    for (one, other) in (0..30).flat_map(|one| (0..30).map(move |other| (one, other))) {
        let scene = Scene::unconnected().await;
        let looms = another_customer(&scene).await;

        let (first, second) = race(
            (come_back(&scene, &scene.customer, OWNER, ACCOUNT), one),
            (come_back(&scene, &looms, OWNER, ACCOUNT), other),
        )
        .await;

        let done = [first.is_ok(), second.is_ok()];
        assert_ne!(done[0], done[1], "{one} {other}: {first:?} {second:?}");
        for (customer, done) in [(&scene.customer, done[0]), (&looms, done[1])] {
            let pair = scene.memory.vault.tokens(customer).await.unwrap();
            assert_eq!(pair.is_some(), done, "{one} {other}");
            assert_eq!(row_of(&scene, customer).await.is_some(), done);
        }
    }
}

#[tokio::test]
async fn two_customers_who_were_connected_by_one_user_before_that_was_noted_connect_again() {
    let (scene, _) = scene().await;
    let looms = another_customer(&scene).await;
    let other = Connection {
        customer: looms.clone(),
        ..row(&scene).await
    };
    scene.memory.put_connected(other, "client").await;

    for customer in [&scene.customer, &looms, &scene.customer] {
        let again = come_back(&scene, customer, OWNER, ACCOUNT).await;
        assert_eq!(again.unwrap(), CallbackOutcome::Lists);
    }

    scene.memory.clock.advance(TOMORROW);
    assert_eq!(deliver(&scene).await, "delivered");
}

#[tokio::test]
async fn a_connection_that_a_refresh_gave_up_while_it_was_made_again_revives_and_says_so() {
    let (scene, _) = scene().await;
    let memory = &scene.memory;
    memory.clock.advance(TOMORROW);
    let (cookie, state) = authorize(&scene).await;
    let back = back(&scene, ACCOUNT, &state);
    let connect = memory.connect();
    hide_the_account(&scene);
    let mut finish = pin!(connect.finish(back, Some(&cookie)));
    while memory.crm.count(Call::Exchange) == 0 {
        assert!(take(finish.as_mut(), 1).await.is_none());
    }

    assert_eq!(deliver(&scene).await, "waiting");
    let ended = finish.await;

    assert!(matches!(ended, Err(ConnectError::Unavailable)));
    let told = memory.events.published().into_iter();
    let told: Vec<_> = told
        .filter_map(|event| match event {
            Event::Connection { status, .. } => Some(status),
            _ => None,
        })
        .collect();
    assert_eq!(told.last(), Some(&ConnectionStatus::Active), "{told:?}");
    assert_eq!(memory.release().await.unwrap().waited, 1);
}
