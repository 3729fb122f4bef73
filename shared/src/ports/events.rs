use std::future::Future;

use jiff::Timestamp;
use serde::Serialize;

use super::StoreError;
use crate::domain::connection::ConnectionStatus;
use crate::domain::ids::{CustomerId, ImportId, LeadId, RemoteId};
use crate::domain::lead::LeadState;

/// Something an operator may want to hear of. Holds no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// A connection changed its status (`leadfeed.connection`).
    Connection {
        /// Whose.
        customer_id: CustomerId,
        /// The status entered.
        #[serde(flatten)]
        status: ConnectionStatus,
        /// When.
        at: Timestamp,
    },
    /// A list that leads were to join is gone (`leadfeed.connection`).
    ListGone {
        /// Whose.
        customer_id: CustomerId,
        /// Which.
        list_id: RemoteId,
        /// `list_missing`.
        status: &'static str,
        /// When.
        at: Timestamp,
    },
    /// A lead ended, or began to wait for a person (`leadfeed.lead`).
    Lead {
        /// Whose.
        customer_id: CustomerId,
        /// Which.
        lead_id: LeadId,
        /// The state's word.
        status: &'static str,
        /// When.
        at: Timestamp,
    },
    /// A bulk import has ended: each of its leads is delivered or goes its single way (`leadfeed.import`).
    Import {
        /// Whose.
        customer_id: CustomerId,
        /// Which.
        import_id: ImportId,
        /// `closed`.
        status: &'static str,
        /// Leads that were named for it.
        leads: usize,
        /// When.
        at: Timestamp,
    },
}

impl Event {
    /// The event of a lead's new state.
    #[must_use]
    pub fn lead(
        customer_id: CustomerId,
        lead_id: LeadId,
        state: &LeadState,
        at: Timestamp,
    ) -> Self {
        Self::Lead {
            customer_id,
            lead_id,
            status: state.word(),
            at,
        }
    }

    /// The event's detail type.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connection { .. } | Self::ListGone { .. } => "leadfeed.connection",
            Self::Lead { .. } => "leadfeed.lead",
            Self::Import { .. } => "leadfeed.import",
        }
    }
}

/// The event bus. An event may be lost; nothing in the product depends on one.
pub trait Events: Send + Sync {
    /// Publishes an event.
    fn publish(&self, event: &Event) -> impl Future<Output = Result<(), StoreError>> + Send;
}
