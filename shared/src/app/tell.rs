//! Telling whoever listens. A lost event changes nothing else.

use jiff::Timestamp;

use crate::domain::connection::ConnectionStatus;
use crate::domain::ids::CustomerId;
use crate::ports::{Event, Events};

/// Publishes events, if there are any.
pub(super) async fn tell(events: &impl Events, news: &[Event]) {
    let Some(first) = news.first() else {
        return;
    };
    if let Err(error) = events.publish(news).await {
        tracing::warn!(
            events = news.len(),
            kind = first.kind(),
            error = &error as &dyn std::error::Error,
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
