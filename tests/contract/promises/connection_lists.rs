//! Promises about finding connections: those that nobody uses, and those that need a person.

use leadfeed_shared::domain::connection::{
    Connection, ConnectionStatus, LimitedReason, ReconnectReason,
};
use leadfeed_shared::ports::{AdvanceOutcome, Connections};

use super::connections::put;
use crate::promise::eventually;
use crate::promises;
use crate::samples::at;

promises! { Connections:
    active_connection_is_idle_a_full_calendar_month_after_its_token_expired,
    connection_that_needs_a_person_is_listed_as_lost_until_resolved,
    limited_connection_made_active_again_is_found_when_idle,
}

async fn active_connection_is_idle_a_full_calendar_month_after_its_token_expired<C: Connections>(
    connections: C,
) {
    let day = |text: &str| format!("{text}T12:00:00Z").parse().unwrap();
    let mut used = put(&connections).await;
    used.token_expires_at = day("2031-01-31");
    assert!(connections.put_connection(&used).await.unwrap());
    let mut disconnected = put(&connections).await;
    disconnected.token_expires_at = used.token_expires_at;
    assert!(connections.put_connection(&disconnected).await.unwrap());
    let status = ConnectionStatus::Disconnected;
    let set = connections.set_status(&disconnected.customer, disconnected.generation, &status);
    assert!(set.await.unwrap());
    let idle = async |now| {
        let idle = connections.idle(day(now), 100).await.unwrap();
        (
            idle.contains(&used.customer),
            idle.contains(&disconnected.customer),
        )
    };

    assert_eq!(idle("2031-01-20").await, (false, false));
    assert_eq!(idle("2031-02-28").await, (false, false));
    assert_eq!(idle("2031-03-01").await, (true, false));
    assert_eq!(idle("2031-08-30").await, (true, false));

    let next = used.generation + 1;
    let advanced = connections.advance(&used.customer, next, day("2031-03-02"));
    assert_eq!(advanced.await.unwrap(), AdvanceOutcome::Active);
    assert_eq!(idle("2031-04-30").await, (false, false));
    assert_eq!(idle("2031-05-01").await, (true, false));
}

async fn connection_that_needs_a_person_is_listed_as_lost_until_resolved<C: Connections>(
    connections: C,
) {
    let connection = put(&connections).await;
    let customer = &connection.customer;
    let found = async || {
        let mut lost = connections.lost(1_000).await.unwrap();
        lost.retain(|(found, _)| found == customer);
        lost.pop().map(|(_, status)| status)
    };
    assert_eq!(found().await, None);
    let reason = LimitedReason::AppDeactivated;
    let limited = ConnectionStatus::Limited { reason };
    let (reason, since) = (ReconnectReason::InvalidGrant, at(7));
    let needs_reconnect = ConnectionStatus::NeedsReconnect { reason, since };

    for status in [limited, needs_reconnect] {
        assert!(connections.set_status(customer, 3, &status).await.unwrap());
        let expected = Some(status);
        assert_eq!(
            eventually(found, |found| *found == expected).await,
            expected
        );
    }

    let advanced = connections.advance(customer, 4, at(90)).await;
    assert_eq!(advanced.unwrap(), AdvanceOutcome::Revived);
    assert_eq!(eventually(found, Option::is_none).await, None);
    let put = Connection {
        status: ConnectionStatus::Limited {
            reason: LimitedReason::MissingPrivilege,
        },
        generation: 5,
        ..connection.clone()
    };
    assert!(connections.put_connection(&put).await.unwrap());
    assert!(eventually(found, Option::is_some).await.is_some());
    let status = ConnectionStatus::Disconnected;
    assert!(connections.set_status(customer, 5, &status).await.unwrap());
    assert_eq!(eventually(found, Option::is_none).await, None);
}

async fn limited_connection_made_active_again_is_found_when_idle<C: Connections>(connections: C) {
    let day = |text: &str| format!("{text}T12:00:00Z").parse().unwrap();
    let mut connection = put(&connections).await;
    connection.token_expires_at = day("2032-01-31");
    connection.status = ConnectionStatus::Limited {
        reason: LimitedReason::AccountChanged,
    };
    assert!(connections.put_connection(&connection).await.unwrap());
    let customer = &connection.customer;
    let is_idle = async || {
        let idle = connections.idle(day("2032-03-01"), 100).await.unwrap();
        idle.contains(customer)
    };
    assert!(!is_idle().await);

    let active = ConnectionStatus::Active;
    assert!(connections.set_status(customer, 3, &active).await.unwrap());

    assert!(eventually(is_idle, |idle| *idle).await);
}
