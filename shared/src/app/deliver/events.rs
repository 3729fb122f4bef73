//! Publishing what became of leads, one request for ten of a batch.

use std::sync::Mutex;

use jiff::Timestamp;

use super::Drain;
use crate::app::publish::publish;
use crate::domain::lead::{LeadRecord, LeadState};
use crate::domain::tally::{Label, counted_as};
use crate::locked;
use crate::ports::{Event, LeadEvent, Wiring};

/// The events of a batch, published at its end.
#[derive(Debug, Default)]
pub struct PendingEvents(Mutex<Vec<Event>>);

impl PendingEvents {
    /// Records that a lead was settled; the same wait again is no news.
    pub(super) fn settled(&self, record: &LeadRecord, state: &LeadState, at: Timestamp) {
        let Some(event) = LeadEvent::of(state) else {
            return;
        };
        if counted_as(record) == Label::of(state) {
            return;
        }
        let event = Event::Lead {
            customer_id: record.lead.customer.clone(),
            lead_id: record.lead.id.clone(),
            event,
            at,
        };
        locked(&self.0).push(event);
    }

    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *locked(&self.0))
    }
}

impl<W: Wiring> Drain<W> {
    pub(super) async fn publish_events(&self) {
        publish(&self.keeper.events, &self.events.take()).await;
    }
}
