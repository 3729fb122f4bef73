use std::future::Future;

use jiff::Timestamp;
use serde::Serialize;

use super::StoreError;
use crate::domain::connection::ConnectionStatus;
use crate::domain::ids::{CustomerId, ImportId, LeadId, RemoteId};
use crate::domain::lead::{LeadState, RefusalReason, WaitReason};

/// Something an operator may want to know. Holds no personal data.
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
    /// A lead that is sent singly was delivered or refused, or began to wait for a person (`leadfeed.lead`).
    Lead {
        /// Whose.
        customer_id: CustomerId,
        /// Which.
        lead_id: LeadId,
        /// How it ended, or what it waits for.
        #[serde(flatten)]
        event: LeadEvent,
        /// When.
        at: Timestamp,
    },
    /// A bulk import has ended: each of its leads is delivered or is sent singly (`leadfeed.import`).
    Import {
        /// Whose.
        customer_id: CustomerId,
        /// Which.
        import_id: ImportId,
        /// `closed`.
        status: &'static str,
        /// How many leads were named for it.
        leads: usize,
        /// When.
        at: Timestamp,
    },
}

impl Event {
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

/// What there is to report about a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "status", content = "reason", rename_all = "snake_case")]
pub enum LeadEvent {
    /// It was delivered.
    Delivered,
    /// It will not go out.
    Refused(RefusalReason),
    /// It waits for a person.
    Waiting(WaitReason),
}

impl LeadEvent {
    /// The event for a state; none if the lead goes on by itself.
    #[must_use]
    pub fn of(state: &LeadState) -> Option<Self> {
        match state {
            LeadState::Delivered { .. } => Some(Self::Delivered),
            LeadState::Refused { why, .. } => Some(Self::Refused(*why)),
            LeadState::Waiting { why } if why.needs_person() => Some(Self::Waiting(*why)),
            _ => None,
        }
    }
}

/// The event bus. An event may be lost; nothing in the product depends on one.
pub trait Events: Send + Sync {
    /// Publishes events. If it fails, some of them may have been published.
    fn publish(&self, events: &[Event]) -> impl Future<Output = Result<(), StoreError>> + Send;
}
