//! The scheduler: what is done every minute, in the order of the work.
//!
//! Leads are imported by [`bulk`](super::bulk), and the token keeper keeps connections alive. Releasing leads,
//! recounting and measuring are here.

mod gauges;
mod recount;
mod release;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

pub use self::release::Released;
use crate::app::bulk::Bulk;
use crate::app::first_error::FirstError;
use crate::ports::{StoreError, Wiring};

/// With less of a run's time left than this, no further count is begun.
const MARGIN: SignedDuration = SignedDuration::from_secs(20);

/// With this much left, it is done with imports: their calls then have had their time, and may have waited for a moment
/// behind those of all drains.
const RELEASE: SignedDuration = SignedDuration::from_secs(20);

/// A minute's work.
pub struct Scheduler<W: Wiring> {
    /// Imports leads; its token keeper also keeps connections alive.
    pub bulk: Bulk<W>,
    /// Leads and their lanes.
    pub ledger: W::Ledger,
    /// Customers, their forms, connections and counters.
    pub directory: W::Directory,
    /// The queue to the drain.
    pub queue: W::Queue,
    /// Applications' limits.
    pub apps: W::Apps,
    /// Their call budgets.
    pub budget: W::Budget,
    /// The time.
    pub clock: W::Clock,
}

/// What one run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// Leads that went in by an import.
    pub imported: usize,
    /// Leads that were recorded or queued, and then nothing happened.
    pub stuck: usize,
    /// Leads whose wait was over.
    pub waited: usize,
    /// Connections that have a new token.
    pub kept_alive: usize,
    /// Days that were recounted.
    pub recounted: usize,
}

impl<W: Wiring> Scheduler<W> {
    /// One run, which may be cut off at `end`. What it does not reach is still due in the next; an error in one part
    /// does not stop the others.
    ///
    /// # Errors
    /// The first [`StoreError`], once all parts were tried.
    pub async fn run(&self, end: Timestamp) -> Result<RunSummary, StoreError> {
        let mut errors = FirstError::default();
        let (imported, result) = self.bulk.run(end - RELEASE).await;
        errors.record(result);
        let released = self.release(&imported.gathering).await;
        let released = errors.record(released).unwrap_or_default();
        let kept_alive = errors.record(self.bulk.keeper.keep_alive(end).await);
        let recounted = errors.record(self.recount(end - MARGIN).await);
        errors.end(RunSummary {
            imported: imported.delivered,
            stuck: released.stuck,
            waited: released.waited,
            kept_alive: kept_alive.unwrap_or_default(),
            recounted: recounted.unwrap_or_default(),
        })
    }
}
