use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use super::sdk_error::{AwsError, failed};
use crate::ports::{Event, Events, StoreError};

/// The source of all our events.
const SOURCE: &str = "leadfeed";

/// Maximum events in one call of EventBridge's `PutEvents`.
const MAX_EVENTS: usize = 10;

/// An EventBridge bus.
#[derive(Debug, Clone)]
pub struct EventBridge {
    client: Client,
    bus: String,
    stack: String,
}

impl EventBridge {
    /// A bus by its name, for the events of the stack with this ARN.
    #[must_use]
    pub fn new(client: Client, bus: String, stack: String) -> Self {
        Self { client, bus, stack }
    }
}

impl EventBridge {
    fn entry(&self, event: &Event) -> Result<PutEventsRequestEntry, StoreError> {
        Ok(PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(SOURCE)
            .resources(&self.stack)
            .detail_type(event.kind())
            .detail(serde_json::to_string(event).map_err(StoreError::new)?)
            .build())
    }

    async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Result<(), StoreError> {
        let put = self.client.put_events().set_entries(Some(entries));
        let answer = put.send().await.map_err(failed("PutEvents"))?;
        match answer.entries().iter().find(|e| e.error_code().is_some()) {
            None => Ok(()),
            Some(entry) => Err(StoreError::new(AwsError::Refused {
                operation: "PutEvents",
                code: entry.error_code().unwrap_or_default().to_owned(),
                message: entry.error_message().unwrap_or_default().to_owned(),
            })),
        }
    }
}

impl Events for EventBridge {
    async fn publish(&self, events: &[Event]) -> Result<(), StoreError> {
        for events in events.chunks(MAX_EVENTS) {
            let entries = events.iter().map(|event| self.entry(event));
            self.put(entries.collect::<Result<_, _>>()?).await?;
        }
        Ok(())
    }
}
