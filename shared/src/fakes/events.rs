use super::cell::Cell;
use super::faults::Faults;
use crate::ports::{Event, Events, StoreError};

/// The published events.
#[derive(Debug, Clone)]
pub struct MemoryEvents(Cell<Vec<Event>>);

impl MemoryEvents {
    /// No events yet.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        Self(Cell::new(faults))
    }

    /// All events, oldest first.
    #[must_use]
    pub fn published(&self) -> Vec<Event> {
        self.0.with(|events| events.clone())
    }
}

impl Events for MemoryEvents {
    async fn publish(&self, events: &[Event]) -> Result<(), StoreError> {
        let published = |all: &mut Vec<Event>| all.extend_from_slice(events);
        self.0.step(published).await
    }
}
