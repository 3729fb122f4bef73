//! What the queue carries, tagged and versioned: a function of yesterday reads what one of tomorrow sends.

use serde::{Deserialize, Serialize};

use super::ids::{CustomerId, LeadId};
use super::lead::Lead;

/// A message of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Task {
    /// A lead just accepted. It carries the whole lead, so that the queue alone keeps it where the ledger
    /// could not be written.
    #[serde(rename = "lead.accepted.v1")]
    Accepted {
        /// The lead.
        lead: Box<Lead>,
    },
    /// A lead the ledger has, to be taken up again.
    #[serde(rename = "lead.released.v1")]
    Released {
        /// Whose lead.
        customer: CustomerId,
        /// Which.
        lead: LeadId,
    },
}

impl Task {
    /// Whose lead it is: the queue's fairness group.
    #[must_use]
    pub fn customer(&self) -> &CustomerId {
        match self {
            Self::Accepted { lead } => &lead.customer,
            Self::Released { customer, .. } => customer,
        }
    }

    /// Which lead it is.
    #[must_use]
    pub fn lead(&self) -> &LeadId {
        match self {
            Self::Accepted { lead } => &lead.id,
            Self::Released { lead, .. } => lead,
        }
    }
}
