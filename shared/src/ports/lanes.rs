use std::future::Future;

use jiff::{SignedDuration, Timestamp};

use super::StoreError;
use crate::domain::ids::{CustomerId, LeadId};

/// When a waiting lead is due, which decides its place in its lane: the longest due come first.
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

/// A lead and its place in its lane.
pub type LanePlace = (LeadId, Due);

/// A customer whose lane has to be looked at, and since when.
pub type LaneMark = (CustomerId, Timestamp);

/// How long after a lane's last mark is used up somebody looks once more, since a lead may be listed late.
pub const RECHECK_DELAY: SignedDuration = SignedDuration::from_hours(1);

/// What is due: leads that wait in their customer's lane, and those in no lane that somebody has to look at.
///
/// What is promised about a lane's mark holds no matter who else moves it at the same time.
pub trait Lanes: Send + Sync {
    /// Leads of any customer that are due at `now` although they are in no lane: recorded or queued, and not settled
    /// since. At most `limit`, longest due first.
    fn overdue(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<(CustomerId, LeadId)>, StoreError>> + Send;

    /// Leads of any customer that are quarantined and came in at or after `since`. At most `limit`, oldest first. May
    /// be a moment behind.
    fn quarantined(
        &self,
        since: Timestamp,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<(CustomerId, LeadId)>, StoreError>> + Send;

    /// Leads of one customer that wait, the longest due first; those that wait for a person come last. From the
    /// beginning of the lane, or after a place in it. One that has just begun to wait may be missing for a moment, or
    /// longer.
    fn waiting(
        &self,
        customer: &CustomerId,
        after: Option<&LanePlace>,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<LanePlace>, StoreError>> + Send;

    /// How many leads of a customer wait, counted up to `most`.
    fn backlog(
        &self,
        customer: &CustomerId,
        most: usize,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Customers whose lane was marked due at or before `now`, longest due first. From the longest due on, or after a
    /// mark returned earlier, even if that has moved since.
    fn due_lanes(
        &self,
        now: Timestamp,
        after: Option<&LaneMark>,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<LaneMark>, StoreError>> + Send;

    /// Marks that a customer has waiting leads which are due at `at`. The earliest mark stands; a later one is
    /// remembered beside it.
    fn mark_lane(
        &self,
        customer: &CustomerId,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Moves a customer's mark from `seen` to `next` (or removes it), unless it was marked earlier meanwhile. A later
    /// mark that was remembered stays: its lead may have come after the caller looked. A mark without a next one is
    /// first moved by [`RECHECK_DELAY`]: its lead may not have been listed yet.
    fn advance_lane(
        &self,
        customer: &CustomerId,
        seen: Timestamp,
        next: Option<Timestamp>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
