use std::future::Future;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Page, StoreError};
use crate::domain::email::EmailAddress;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{Lead, LeadRecord, LeadState, QuarantineReason};
use crate::domain::tally::Counts;

/// What came of recording a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is new.
    New,
    /// A lead of this id is there already and was left as it is.
    Already(Box<LeadRecord>),
}

/// What came of claiming a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The caller alone may deliver it, until the claim's deadline.
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
    /// Until when the row is kept, in UNIX seconds, once nothing more can happen to it.
    pub expires_at: Option<i64>,
}

/// When a waiting lead is due: the place of its lane that it has, the longest due first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// Once this time has come.
    At(Timestamp),
    /// Once a person has acted.
    ForPerson {
        /// Since when it waits for that.
        since: Timestamp,
    },
}

impl Due {
    /// The time, where time alone ends the wait.
    #[must_use]
    pub fn time(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::ForPerson { .. } => None,
        }
    }
}

/// From where a lead is moved to `queued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requeue {
    /// It waits and is due as it was seen to be: it may have gone out and begun another wait since.
    Waits(Due),
    /// It was never queued or is stuck: its `due_at` has come while it was queued or claimed.
    Stuck,
    /// It is quarantined.
    Aside,
    /// It waits, was never queued or was refused, and a person asks for it.
    Asked {
        /// Also if it went out in a file.
        again: bool,
    },
}

/// A lead in its lane.
pub type LanePlace = (LeadId, Due);

/// Which leads of a customer to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadFilter {
    /// Only those in this state (its word).
    pub status: Option<String>,
    /// Only those received at or after this moment.
    pub since: Option<Timestamp>,
}

/// The durable record of every lead and what became of it.
///
/// Every method is one atomic step on one lead. A state machine that ends in exactly one state follows from
/// the conditions stated here, not from the callers' order.
pub trait Ledger: Send + Sync {
    /// Records a lead unless one of its id is there. `due_at` is when somebody has to look whether it is stuck.
    fn record(
        &self,
        lead: &Lead,
        state: &LeadState,
        due_at: Timestamp,
    ) -> impl Future<Output = Result<Recorded, StoreError>> + Send;

    /// Records a lead as quarantined, unless one of its id is there. The row is kept until `expires_at`, in UNIX
    /// seconds, if the lead is not released before.
    fn set_aside(
        &self,
        lead: &Lead,
        why: QuarantineReason,
        expires_at: i64,
    ) -> impl Future<Output = Result<Recorded, StoreError>> + Send;

    /// Claims a lead for `owner` until `until`, if its state allows it at `now`
    /// ([`LeadState::is_claimable`]), and counts the attempt. Exactly one of any number of concurrent owners
    /// has it at a time; the same request again gets the same answer.
    fn claim(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<Claim, StoreError>> + Send;

    /// Ends a claim with its outcome and a line of the timeline, if the claim is still `owner`'s and the lead
    /// was not erased meanwhile. Says whether it did. A timeline that has grown too long loses its middle
    /// ([`shortened`](crate::domain::lead::shortened)).
    fn settle(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        owner: &str,
        settlement: &Settlement,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Moves a lead to `queued` where it is as `from` says, with a new `due_at` and a line of the timeline, and keeps its
    /// row from now on until it is settled. Says whether it did, and says so again of the same `at` until more becomes of
    /// the lead.
    fn requeue(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        from: Requeue,
        at: Timestamp,
        due_at: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Marks a lead whose state allows it ([`can_export`](crate::domain::asked::can_export)) as gone out in a file at
    /// `at`, once, and takes it out of what is due: it is neither claimed nor requeued any more. Says whether it did,
    /// and says so again of the same `at`. The row is kept until `expires_at`, in UNIX seconds.
    fn export(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        at: Timestamp,
        expires_at: i64,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Puts `blank` in the place of a lead, whoever holds it, and erases its timeline; nobody finds it by its person
    /// any more. Says whether there was something to erase.
    fn erase(
        &self,
        blank: &Lead,
        at: Timestamp,
        expires_at: i64,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// A customer's leads of one address. One just made may be missing for a moment.
    fn leads_of(
        &self,
        customer: &CustomerId,
        email: &EmailAddress,
    ) -> impl Future<Output = Result<Vec<LeadId>, StoreError>> + Send;

    /// One lead, read consistently.
    fn lead(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
    ) -> impl Future<Output = Result<Option<LeadRecord>, StoreError>> + Send;

    /// Whose lead an id is. For the operator, who may name a lead alone. One just made may be missing for a moment.
    fn owner_of(
        &self,
        lead: &LeadId,
    ) -> impl Future<Output = Result<Option<CustomerId>, StoreError>> + Send;

    /// A customer's leads, newest first, `limit` at a time (a filtered page may hold fewer and still have a next).
    fn leads(
        &self,
        customer: &CustomerId,
        filter: &LeadFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Page<LeadRecord>, StoreError>> + Send;

    /// What a customer's leads of one day count as, all of them read.
    fn count(
        &self,
        customer: &CustomerId,
        day: Date,
    ) -> impl Future<Output = Result<Counts, StoreError>> + Send;

    /// Leads of any customer that are due at `now` although no lane holds them: recorded or queued, and not
    /// settled since. At most `limit`, longest due first.
    fn overdue(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<(CustomerId, LeadId)>, StoreError>> + Send;

    /// Leads of any customer that are quarantined and came in at or after `since`. At most `limit`, oldest first. May be
    /// a moment behind.
    fn quarantined(
        &self,
        since: Timestamp,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<(CustomerId, LeadId)>, StoreError>> + Send;

    /// Leads of one customer that wait, the longest due first; those that wait for a person come last. From the
    /// beginning of the lane, or behind a place in it.
    fn waiting(
        &self,
        customer: &CustomerId,
        after: Option<&LanePlace>,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<LanePlace>, StoreError>> + Send;

    /// Customers whose lane was marked due at or before `now`, longest due first.
    fn due_lanes(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<(CustomerId, Timestamp)>, StoreError>> + Send;

    /// Marks that a customer has leads waiting which are due at `at`. The earliest mark stands; a later one is
    /// remembered beside it.
    fn mark_lane(
        &self,
        customer: &CustomerId,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Moves a customer's mark from `seen` to `next` (or away), if nobody has marked it earlier meanwhile. A later
    /// mark that was remembered stays: the lead it speaks of may have come after the caller looked.
    fn advance_lane(
        &self,
        customer: &CustomerId,
        seen: Timestamp,
        next: Option<Timestamp>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
