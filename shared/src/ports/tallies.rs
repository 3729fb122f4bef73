use std::future::Future;

use jiff::Timestamp;
use jiff::civil::Date;

use super::StoreError;
use crate::domain::ids::CustomerId;
use crate::domain::tally::{Tally, TallyChanges};

/// A day whose counters have changed since its leads were last counted one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// Whose.
    pub customer: CustomerId,
    /// Which, and what its counters say.
    pub tally: Tally,
    /// How often the counters were changed; a recount replaces no later ones.
    pub revision: u64,
    /// When they were last changed.
    pub touched_at: Timestamp,
}

/// Counters of each customer's leads by the day they came in. They follow the ledger and are no part of it: a change
/// may be lost with its writer, and is restored when the day is counted again.
pub trait Tallies: Send + Sync {
    /// Adds the changes and leaves each day named in them unsettled. One write per day; not repeatable.
    fn tally(
        &self,
        customer: &CustomerId,
        changes: &TallyChanges,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// All counters of a customer, oldest day first.
    fn tallies(
        &self,
        customer: &CustomerId,
    ) -> impl Future<Output = Result<Vec<Tally>, StoreError>> + Send;

    /// The counters of one of its days, if there are any.
    fn tally_of(
        &self,
        customer: &CustomerId,
        day: Date,
    ) -> impl Future<Output = Result<Option<Tally>, StoreError>> + Send;

    /// Days of any customer that are unsettled and have not changed since `quiet_since`. May be a moment behind.
    fn unsettled(
        &self,
        quiet_since: Timestamp,
    ) -> impl Future<Output = Result<Vec<Unsettled>, StoreError>> + Send;

    /// Replaces the counters of a day by `tally` and settles it, if nobody has changed them since `revision`. Says
    /// whether it did.
    fn settle_tally(
        &self,
        customer: &CustomerId,
        tally: &Tally,
        revision: u64,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
