//! Reading a batch of messages: which leads they ask for, each once.

use std::collections::BTreeMap;

use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::Lead;
use crate::domain::task::Task;

/// A message of the queue, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The queue's id for it.
    pub id: String,
    /// Its text.
    pub body: Option<String>,
}

/// One lead that the batch asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeadRequest {
    /// Which.
    pub(super) lead: LeadId,
    /// The lead itself, if a message carried it; of several copies the newest, since the person may have been erased
    /// before it came.
    pub(super) carried: Option<Box<Lead>>,
    /// The messages that ask for it.
    pub(super) messages: Vec<String>,
}

/// Sorts a batch by customer, each lead once, and returns the messages that nobody can read.
pub(super) fn sort(
    messages: Vec<Message>,
) -> (BTreeMap<CustomerId, Vec<LeadRequest>>, Vec<String>) {
    let mut sorted: BTreeMap<CustomerId, Vec<LeadRequest>> = BTreeMap::new();
    let mut unreadable = Vec::new();
    for message in messages {
        let Some(task) = message
            .body
            .as_deref()
            .and_then(|body| serde_json::from_str::<Task>(body).ok())
        else {
            unreadable.push(message.id);
            continue;
        };
        let requests = sorted.entry(task.customer().clone()).or_default();
        let lead = task.lead().clone();
        let carried = match task {
            Task::Accepted { lead } => Some(lead),
            Task::Released { .. } => None,
        };
        match requests.iter_mut().find(|known| known.lead == lead) {
            Some(known) => {
                known.messages.push(message.id);
                let both = known.carried.take().into_iter().chain(carried);
                known.carried = both.max_by_key(|lead| lead.received_at);
            }
            None => requests.push(LeadRequest {
                lead,
                carried,
                messages: vec![message.id],
            }),
        }
    }
    (sorted, unreadable)
}
