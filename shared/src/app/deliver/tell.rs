//! Telling whoever listens what became of leads, one request for ten of a batch.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::Drain;
use crate::app::tell::tell;
use crate::domain::lead::{LeadRecord, LeadState};
use crate::domain::tally::{counted_as, label};
use crate::ports::{Event, LeadNews, Wiring};

/// What is to be told after a batch.
#[derive(Debug, Default)]
pub struct News(Mutex<Vec<Event>>);

impl News {
    /// A lead was settled; the same wait again is no news.
    pub(super) fn settled(&self, record: &LeadRecord, state: &LeadState, at: Timestamp) {
        let Some(news) = LeadNews::of(state) else {
            return;
        };
        if counted_as(record) == label(state) {
            return;
        }
        let event = Event::Lead {
            customer_id: record.lead.customer.clone(),
            lead_id: record.lead.id.clone(),
            news,
            at,
        };
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
    }

    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<W: Wiring> Drain<W> {
    pub(super) async fn tell(&self) {
        tell(&self.keeper.events, &self.news.take()).await;
    }
}
