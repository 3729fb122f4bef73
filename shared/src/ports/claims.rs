use std::future::Future;

use jiff::Timestamp;

use super::{Due, StoreError};
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{LeadRecord, LeadState};

/// The result of claiming a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Only the caller may deliver it, until the claim's deadline.
    Taken(Box<LeadRecord>),
    /// There is nothing to deliver: it is settled, set aside or in an import.
    Settled,
    /// Another drain has it.
    Held,
    /// No such lead.
    Missing,
}

/// What is written down when a drain or an import is done with a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The state entered.
    pub state: LeadState,
    /// When the lead is to be taken up again; `None` for a settled one and for one that waits for a person.
    pub due_at: Option<Timestamp>,
    /// When it happened.
    pub at: Timestamp,
    /// Until when the row is kept, once the lead cannot change any more.
    pub expires_at: Option<Timestamp>,
}

/// From which state a lead is moved to `queued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requeue {
    /// It waits, with the due time that was seen: it may have gone out and begun another wait since.
    Waits(Due),
    /// It was never queued or is stuck: its `due_at` has passed while it was queued or claimed.
    Stuck,
    /// It is quarantined.
    Quarantined,
    /// It waits, was never queued or was refused, and a person requests it.
    OnRequest {
        /// Even if it went out in a file.
        again: bool,
    },
}

/// Who may deliver a lead.
///
/// Every method is one atomic step on one lead. That a lead ends in exactly one state follows from the conditions
/// stated here, not from the order of calls.
pub trait Claims: Send + Sync {
    /// Claims a lead for `owner` until `until`, if its state allows it at `now` ([`LeadState::is_claimable`]), and
    /// counts the attempt. Of any number of concurrent owners exactly one gets it; the same request again gets the same
    /// answer.
    fn claim(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<Claim, StoreError>> + Send;

    /// Ends a claim with its outcome and a line in the timeline, if the claim is still `owner`'s and the lead was not
    /// erased meanwhile. Says whether it did. A timeline that has grown too long loses its middle
    /// ([`shortened`](crate::domain::lead::shortened)).
    fn settle(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        owner: &str,
        settlement: &Settlement,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Moves a lead to `queued` if it is as `from` says, with a new `due_at` and a line in the timeline, and keeps its
    /// row until it is settled. Says whether it did, and says the same again for the same `at` until the lead changes
    /// further.
    fn requeue(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        from: Requeue,
        at: Timestamp,
        due_at: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
