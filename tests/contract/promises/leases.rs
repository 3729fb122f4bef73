//! Promises about the lease to refresh a connection's tokens, and what a refresh leaves behind.

use leadfeed_shared::domain::connection::{
    ConnectionStatus, Lease, LimitedReason, ReconnectReason,
};
use leadfeed_shared::ports::{AdvanceOutcome, Connections};

use super::connections::{put, read};
use crate::promise::run_concurrently;
use crate::samples::{at, connection, lease};
use crate::{fresh, promises};

promises! { Connections:
    exactly_one_of_many_concurrent_leases_is_granted,
    live_lease_excludes_another_and_a_lapsed_one_does_not,
    lease_for_another_generation_is_denied_and_changes_nothing,
    a_lease_without_a_connection_is_denied,
    advancing_stores_the_new_generation_reactivates_and_ends_the_lease,
    advancing_to_an_older_generation_changes_nothing,
    advancing_does_not_change_a_disconnected_or_limited_connection,
    only_the_lease_owner_can_release_it_and_set_a_cooldown,
}

async fn exactly_one_of_many_concurrent_leases_is_granted<C>(connections: C)
where
    C: Connections + Clone + 'static,
{
    let connection = put(&connections).await;

    let results = run_concurrently(16, |i| {
        let (connections, customer) = (connections.clone(), connection.customer.clone());
        async move {
            let lease = lease(&i.to_string(), 60);
            connections
                .lease(&customer, 3, &lease, at(0))
                .await
                .unwrap()
        }
    })
    .await;

    let granted: Vec<_> = results.into_iter().flatten().collect();
    assert_eq!(granted.len(), 1);
    assert_eq!(granted[0].generation, 3);
}

async fn live_lease_excludes_another_and_a_lapsed_one_does_not<C: Connections>(connections: C) {
    let customer = put(&connections).await.customer;
    let (first, second) = (lease("ada", 60), lease("grace", 200));
    let try_lease = async |lease: &Lease, now| {
        connections
            .lease(&customer, 3, lease, at(now))
            .await
            .unwrap()
    };

    assert_eq!(
        try_lease(&first, 0).await.unwrap().lease.as_ref(),
        Some(&first)
    );
    assert_eq!(try_lease(&second, 59).await, None);
    assert_eq!(
        try_lease(&second, 60).await.unwrap().lease.as_ref(),
        Some(&second)
    );

    let row = connections.connection(&customer).await.unwrap().unwrap();
    assert_eq!(row.lease, Some(second));
}

async fn lease_for_another_generation_is_denied_and_changes_nothing<C: Connections>(
    connections: C,
) {
    let connection = put(&connections).await;

    for generation in [2, 4] {
        let granted = connections
            .lease(&connection.customer, generation, &lease("ada", 60), at(0))
            .await
            .unwrap();

        assert_eq!(granted, None);
    }
    assert_eq!(read(&connections, &connection).await, connection);
}

async fn a_lease_without_a_connection_is_denied<C: Connections>(connections: C) {
    let (customer, lease) = (fresh::customer(), lease("ada", 60));

    let granted = connections.lease(&customer, 1, &lease, at(0)).await;

    assert_eq!(granted.unwrap(), None);
    assert_eq!(connections.connection(&customer).await.unwrap(), None);
}

async fn advancing_stores_the_new_generation_reactivates_and_ends_the_lease<C: Connections>(
    connections: C,
) {
    let mut connection = connection(&fresh::customer());
    connection.lease = Some(lease("ada", 60));
    connection.status = ConnectionStatus::NeedsReconnect {
        reason: ReconnectReason::TokenLost,
        since: at(0),
    };
    connections.put_connection(&connection).await.unwrap();

    // Only the first call revives it; a repeated request finds that done.
    for expected in [AdvanceOutcome::Revived, AdvanceOutcome::Active] {
        let advanced = connections.advance(&connection.customer, 4, at(90_000));

        assert_eq!(advanced.await.unwrap(), expected);
        let row = read(&connections, &connection).await;
        assert_eq!(row.generation, 4);
        assert_eq!(row.status, ConnectionStatus::Active);
        assert_eq!(row.token_expires_at, at(90_000));
        assert_eq!(row.lease, None);
        assert_eq!(
            (row.account, row.terms),
            (connection.account.clone(), connection.terms.clone())
        );
    }
}

async fn advancing_to_an_older_generation_changes_nothing<C: Connections>(connections: C) {
    let connection = put(&connections).await;

    let advanced = connections.advance(&connection.customer, 2, at(90_000));

    assert_eq!(advanced.await.unwrap(), AdvanceOutcome::NotAdvanced);
    assert_eq!(read(&connections, &connection).await, connection);
    let unconnected = fresh::customer();
    let advanced = connections.advance(&unconnected, 2, at(90_000));
    assert_eq!(advanced.await.unwrap(), AdvanceOutcome::NotAdvanced);
}

async fn advancing_does_not_change_a_disconnected_or_limited_connection<C: Connections>(
    connections: C,
) {
    for status in [
        ConnectionStatus::Disconnected,
        ConnectionStatus::Limited {
            reason: LimitedReason::AccountChanged,
        },
    ] {
        let mut connection = put(&connections).await;
        connection.status = status;
        assert!(connections.put_connection(&connection).await.unwrap());
        let (customer, newer) = (&connection.customer, connection.generation + 1);

        for generation in [newer, connection.generation] {
            let advanced = connections.advance(customer, generation, at(9)).await;
            assert_eq!(
                advanced.unwrap(),
                AdvanceOutcome::NotAdvanced,
                "{generation}"
            );
        }

        assert_eq!(read(&connections, &connection).await, connection);
    }
}

async fn only_the_lease_owner_can_release_it_and_set_a_cooldown<C: Connections>(connections: C) {
    let connection = put(&connections).await;
    let customer = &connection.customer;
    let held = lease("ada", 60);
    connections.lease(customer, 3, &held, at(0)).await.unwrap();

    connections
        .release(customer, "grace", at(30))
        .await
        .unwrap();
    let row = read(&connections, &connection).await;
    assert_eq!((row.lease, row.cooldown_until), (Some(held), Some(at(5))));

    connections.release(customer, "ada", at(30)).await.unwrap();
    let row = read(&connections, &connection).await;
    assert_eq!((row.lease, row.cooldown_until), (None, Some(at(30))));

    connections
        .release(&fresh::customer(), "ada", at(30))
        .await
        .unwrap();
}
