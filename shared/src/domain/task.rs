//! The messages of the queue, tagged and versioned: an older function can read what a newer one sends.

use serde::{Deserialize, Serialize};

use super::ids::{CustomerId, LeadId};
use super::lead::Lead;

/// A message of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Task {
    /// A lead just accepted. It carries the whole lead, so that the queue alone keeps it if the ledger could not be
    /// written.
    #[serde(rename = "lead.accepted.v1")]
    Accepted {
        /// The lead.
        lead: Box<Lead>,
    },
    /// A lead that the ledger has, to be taken up again.
    #[serde(rename = "lead.released.v1")]
    Released {
        /// Whose lead.
        customer: CustomerId,
        /// Which.
        lead: LeadId,
    },
}

impl Task {
    /// Makes a message that has a lead of the ledger taken up again.
    #[must_use]
    pub fn released(customer: &CustomerId, lead: &LeadId) -> Self {
        Self::Released {
            customer: customer.clone(),
            lead: lead.clone(),
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first version sent it, without what later versions added.
    const FIRST: &str = r#"{"type":"lead.accepted.v1","lead":{"id":"lead_01ARZ3NDEKTSV4RRFFQ69G5FAV","customer":"engines",
        "form":"frm_01ARZ3NDEKTSV4RRFFQ69G5FAV","contact":{"email":"ada@example.com"},"consent":{"statement":"Yes.",
        "version":1,"given_at":"2026-11-23T09:30:00Z"},"received_at":"2026-11-23T09:30:00Z","seal":"c2VhbA"}}"#;

    #[test]
    fn message_of_the_first_version_is_still_readable() {
        let task: Task = serde_json::from_str(FIRST).unwrap();

        assert_eq!(task.customer().as_str(), "engines");
        assert_eq!(task.lead().as_str(), "lead_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    }

    #[test]
    fn unknown_fields_of_a_later_message_version_are_ignored() {
        let later = FIRST
            .replacen(r#""seal""#, r#""invented":{"later":[1]},"seal""#, 1)
            .replacen(r#""version":1"#, r#""version":1,"invented":true"#, 1);

        let (first, later): (Task, Task) = (
            serde_json::from_str(FIRST).unwrap(),
            serde_json::from_str(&later).unwrap(),
        );

        assert_eq!(later, first);
    }
}
