//! Publishing events. A lost event changes nothing else.

use jiff::Timestamp;

use crate::domain::connection::ConnectionStatus;
use crate::domain::ids::{CustomerId, RemoteId};
use crate::ports::{Connections, Event, Events, StoreError, causes};

/// Publishes events, if there are any.
pub(super) async fn publish(events: &impl Events, all: &[Event]) {
    let Some(first) = all.first() else {
        return;
    };
    if let Err(error) = events.publish(all).await {
        tracing::warn!(
            events = all.len(),
            kind = first.kind(),
            error = %causes(&error),
            "events were not published"
        );
    }
}

/// Publishes the status that a connection now has.
pub(super) async fn publish_status(
    events: &impl Events,
    customer: &CustomerId,
    status: &ConnectionStatus,
    at: Timestamp,
) {
    let event = Event::Connection {
        customer_id: customer.clone(),
        status: status.clone(),
        at,
    };
    publish(events, &[event]).await;
}

/// Records that a list is gone, and publishes that once.
pub(super) async fn mark_list_gone(
    directory: &impl Connections,
    events: &impl Events,
    customer: &CustomerId,
    list: &RemoteId,
    at: Timestamp,
) -> Result<(), StoreError> {
    if directory.mark_list_gone(customer, list).await? {
        tracing::warn!(customer.id = %customer, list.id = %list, "a list is gone");
        let event = Event::ListGone {
            customer_id: customer.clone(),
            list_id: list.clone(),
            status: "list_missing",
            at,
        };
        publish(events, &[event]).await;
    }
    Ok(())
}
