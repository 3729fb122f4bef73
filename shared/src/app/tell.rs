//! Telling whoever listens. A lost event changes nothing else.

use jiff::Timestamp;

use crate::domain::connection::ConnectionStatus;
use crate::domain::ids::{CustomerId, RemoteId};
use crate::ports::{Connections, Event, Events, StoreError, causes};

/// Publishes events, if there are any.
pub(super) async fn tell(events: &impl Events, news: &[Event]) {
    let Some(first) = news.first() else {
        return;
    };
    if let Err(error) = events.publish(news).await {
        tracing::warn!(
            events = news.len(),
            kind = first.kind(),
            error = %causes(&error),
            "events were not published"
        );
    }
}

/// The same of where a connection stands from now on.
pub(super) async fn tell_status(
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
    tell(events, &[event]).await;
}

/// Writes down that a list is gone, and tells of it once.
pub(super) async fn tell_list_gone(
    directory: &impl Connections,
    events: &impl Events,
    customer: &CustomerId,
    list: &RemoteId,
    at: Timestamp,
) -> Result<(), StoreError> {
    if directory.list_gone(customer, list).await? {
        tracing::warn!(customer.id = %customer, list.id = %list, "a list is gone");
        let event = Event::ListGone {
            customer_id: customer.clone(),
            list_id: list.clone(),
            status: "list_missing",
            at,
        };
        tell(events, &[event]).await;
    }
    Ok(())
}
