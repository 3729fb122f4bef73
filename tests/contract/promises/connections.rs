use std::collections::BTreeMap;
use std::{mem, slice};

use leadfeed_shared::domain::connection::{
    Catalog, ConfirmedOptIn, Connection, ConnectionStatus, CustomField, FieldKind, LimitedReason,
    ReconnectReason,
};
use leadfeed_shared::ports::{AdvanceOutcome, Connections};

use crate::promise::run_concurrently;
use crate::samples::{at, connection, lease, remote};
use crate::{fresh, promises};

promises! { Connections:
    stored_connection_reads_back_unchanged,
    connections_of_many_customers_read_back_unchanged,
    a_put_does_not_overwrite_a_newer_generation,
    put_is_rejected_if_the_connection_was_ended_since_it_was_read,
    choice_is_saved_only_for_the_active_connection_it_was_made_for,
    status_is_set_only_at_the_matching_generation,
    disconnected_connection_ignores_late_status_changes,
    only_one_of_many_concurrent_reports_of_a_missing_list_is_new,
    newly_seen_confirmed_opt_in_is_saved_only_for_the_current_connection,
    custom_fields_are_saved_only_for_the_current_connection,
}

/// A stored connection of a fresh customer.
pub(super) async fn put<C: Connections>(connections: &C) -> Connection {
    let connection = connection(&fresh::customer());
    assert!(connections.put_connection(&connection).await.unwrap());
    connection
}

pub(super) async fn read<C: Connections>(connections: &C, connection: &Connection) -> Connection {
    let read = connections.connection(&connection.customer).await;
    read.unwrap().unwrap()
}

async fn stored_connection_reads_back_unchanged<C: Connections>(connections: C) {
    let mut connection = put(&connections).await;
    assert_eq!(read(&connections, &connection).await, connection);

    connection.lease = Some(lease("ada", 60));
    connection.terms = None;
    for status in [
        ConnectionStatus::Disconnected,
        ConnectionStatus::Limited {
            reason: LimitedReason::MissingPrivilege,
        },
        ConnectionStatus::NeedsReconnect {
            reason: ReconnectReason::InvalidGrant,
            since: at(9),
        },
    ] {
        connection.status = status;
        assert!(connections.put_connection(&connection).await.unwrap());
        assert_eq!(read(&connections, &connection).await, connection);
    }
    let missing = connections.connection(&fresh::customer()).await.unwrap();
    assert_eq!(missing, None);
}

async fn connections_of_many_customers_read_back_unchanged<C: Connections>(connections: C) {
    let (one, other) = (put(&connections).await, put(&connections).await);
    put(&connections).await;
    let unconnected = (0..150).map(|_| fresh::customer());
    let connected = [&one, &other].map(|connection| connection.customer.clone());
    let customers = unconnected.chain(connected).collect();

    let found = connections.connections_of(&customers).await.unwrap();
    let none = connections.connections_of(&[].into()).await.unwrap();

    let expected = [one, other].map(|connection| (connection.customer.clone(), Some(connection)));
    assert_eq!(found, BTreeMap::from(expected));
    assert_eq!(none, BTreeMap::new());
}

async fn a_put_does_not_overwrite_a_newer_generation<C: Connections>(connections: C) {
    let connection = put(&connections).await;
    let older = Connection {
        generation: connection.generation - 1,
        ..connection.clone()
    };
    let newer = Connection {
        generation: connection.generation + 1,
        ..connection.clone()
    };

    assert!(!connections.put_connection(&older).await.unwrap());
    assert_eq!(read(&connections, &connection).await, connection);
    assert!(connections.put_connection(&newer).await.unwrap());
    assert_eq!(read(&connections, &connection).await, newer);
}

async fn put_is_rejected_if_the_connection_was_ended_since_it_was_read<C: Connections>(
    connections: C,
) {
    let connection = put(&connections).await;
    let ended = ConnectionStatus::Disconnected;
    let mut newer = Connection {
        generation: 4,
        ..connection.clone()
    };

    for times in 1..=2 {
        let set = connections.set_status(&connection.customer, 3, &ended);
        assert!(set.await.unwrap());
        assert!(!connections.put_connection(&newer).await.unwrap());
        newer.endings = connection.endings + times;
        assert_eq!(read(&connections, &connection).await.endings, newer.endings);
    }

    assert!(connections.put_connection(&newer).await.unwrap());
    assert_eq!(read(&connections, &connection).await, newer);
}

async fn choice_is_saved_only_for_the_active_connection_it_was_made_for<C>(connections: C)
where
    C: Connections,
{
    let connection = put(&connections).await;
    let customer = &connection.customer;
    let advanced = connections.advance(customer, 4, at(90)).await;
    assert_eq!(advanced.unwrap(), AdvanceOutcome::Active);
    let refreshed = read(&connections, &connection).await;
    let mut chosen = connection.clone();
    chosen.lists = vec![remote(4)];
    chosen.terms = None;
    let fields = mem::take(&mut chosen.catalog.custom_fields);
    chosen.catalog.lists.clear();
    chosen.learned.lists_gone.clear();
    let expected = Connection {
        lists: chosen.lists.clone(),
        terms: None,
        catalog: Catalog {
            custom_fields: fields.clone(),
            ..chosen.catalog.clone()
        },
        learned: chosen.learned.clone(),
        ..refreshed
    };

    assert!(connections.choose(&chosen).await.unwrap());
    assert_eq!(read(&connections, &connection).await, expected);

    let reconnected = Connection {
        connected_at: at(91),
        ..connection.clone()
    };
    assert!(!connections.choose(&reconnected).await.unwrap());
    let ended = ConnectionStatus::Disconnected;
    assert!(connections.set_status(customer, 4, &ended).await.unwrap());
    assert!(!connections.choose(&connection).await.unwrap());
    let expected = Connection {
        status: ended,
        endings: expected.endings + 1,
        ..expected
    };
    assert_eq!(read(&connections, &connection).await, expected);
    let mut unconnected = connection.clone();
    unconnected.customer = fresh::customer();
    assert!(!connections.choose(&unconnected).await.unwrap());
    assert_eq!(
        connections.connection(&unconnected.customer).await.unwrap(),
        None
    );
}

async fn status_is_set_only_at_the_matching_generation<C: Connections>(connections: C) {
    let connection = put(&connections).await;
    let customer = &connection.customer;
    let needs_reconnect = ConnectionStatus::NeedsReconnect {
        reason: ReconnectReason::InvalidGrant,
        since: at(7),
    };

    assert!(
        !connections
            .set_status(customer, 2, &needs_reconnect)
            .await
            .unwrap()
    );
    assert_eq!(read(&connections, &connection).await, connection);
    assert!(
        connections
            .set_status(customer, 3, &needs_reconnect)
            .await
            .unwrap()
    );
    assert_eq!(
        read(&connections, &connection).await.status,
        needs_reconnect
    );
    let active = ConnectionStatus::Active;
    assert!(connections.set_status(customer, 3, &active).await.unwrap());
    assert_eq!(read(&connections, &connection).await, connection);
    let unconnected = fresh::customer();
    assert!(
        !connections
            .set_status(&unconnected, 3, &needs_reconnect)
            .await
            .unwrap()
    );
}

async fn disconnected_connection_ignores_late_status_changes<C: Connections>(connections: C) {
    let connection = put(&connections).await;
    let customer = &connection.customer;
    let ended = ConnectionStatus::Disconnected;
    for _ in 0..2 {
        assert!(connections.set_status(customer, 3, &ended).await.unwrap());
    }
    let (reason, since) = (ReconnectReason::InvalidGrant, at(7));

    for late in [
        ConnectionStatus::NeedsReconnect { reason, since },
        ConnectionStatus::Limited {
            reason: LimitedReason::MissingScope,
        },
        ConnectionStatus::Active,
    ] {
        assert!(!connections.set_status(customer, 3, &late).await.unwrap());
        assert_eq!(read(&connections, &connection).await.status, ended);
    }
}

async fn only_one_of_many_concurrent_reports_of_a_missing_list_is_new<C>(connections: C)
where
    C: Connections + Clone + 'static,
{
    let connection = put(&connections).await;

    let results = run_concurrently(12, |_| {
        let (connections, customer) = (connections.clone(), connection.customer.clone());
        async move {
            connections
                .mark_list_gone(&customer, &remote(3))
                .await
                .unwrap()
        }
    })
    .await;

    assert_eq!(results.into_iter().filter(|is_new| *is_new).count(), 1);
    let gone = read(&connections, &connection).await.learned.lists_gone;
    assert_eq!(gone, [remote(2), remote(3)]);
    let reported = connections
        .mark_list_gone(&fresh::customer(), &remote(3))
        .await;
    assert!(!reported.unwrap());
}

async fn newly_seen_confirmed_opt_in_is_saved_only_for_the_current_connection<C: Connections>(
    connections: C,
) {
    let connection = put(&connections).await;
    let (customer, since) = (&connection.customer, connection.connected_at);
    let seen = |on| ConfirmedOptIn {
        on,
        seen_at: at(70),
    };

    let noted = connections.record_opt_in(customer, since, seen(false));
    noted.await.unwrap();

    let learned = read(&connections, &connection).await.learned;
    assert_eq!(learned.confirmed_opt_in, Some(seen(false)));
    assert_eq!(learned.lists_gone, connection.learned.lists_gone);
    let unconnected = fresh::customer();
    for (customer, connected_at) in [(customer, at(91)), (&unconnected, since)] {
        let ignored = connections.record_opt_in(customer, connected_at, seen(true));
        ignored.await.unwrap();
    }
    assert_eq!(read(&connections, &connection).await.learned, learned);
    assert_eq!(connections.connection(&unconnected).await.unwrap(), None);
}

async fn custom_fields_are_saved_only_for_the_current_connection<C>(connections: C)
where
    C: Connections,
{
    let connection = put(&connections).await;
    let (customer, since) = (&connection.customer, connection.connected_at);
    let field = CustomField {
        id: remote(5),
        label: "Since".into(),
        name: "Since".into(),
        kind: Some(FieldKind::Date),
    };
    let written = connections.record_fields(customer, since, Some(slice::from_ref(&field)), at(80));
    written.await.unwrap();
    let mut expected = connection.clone();
    expected.catalog.custom_fields = vec![field];
    expected.learned.fields_read_at = Some(at(80));
    assert_eq!(read(&connections, &connection).await, expected);

    let checked = connections
        .record_fields(customer, since, None, at(90))
        .await;
    checked.unwrap();
    expected.learned.fields_read_at = Some(at(90));
    assert_eq!(read(&connections, &connection).await, expected);

    for customer in [customer, &fresh::customer()] {
        let ignored = connections.record_fields(customer, at(91), Some(&[]), at(92));
        ignored.await.unwrap();
    }
    assert_eq!(read(&connections, &connection).await, expected);
}
