//! Putting leads back into the queue: what was stuck, what has waited long enough, and no more than the budget
//! can carry.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::budget::BudgetState;
use crate::domain::ids::{AppId, CustomerId, LeadId};
use crate::domain::task::Task;
use crate::ports::{
    Apps, Budget, Clock, Connections, Customers, Ledger, Queue, StoreError, Wiring,
};

/// When somebody looks after a lead that was put back into the queue.
pub const CHECK_AFTER: SignedDuration = SignedDuration::from_hours(6);

/// What a run releases has this long to go out: until the run after the next.
const SPAN: SignedDuration = SignedDuration::from_secs(60);

/// Customers looked at in one run; the others are longer due in the next.
const LANES: u16 = 200;

/// Stuck leads taken up in one run.
const OVERDUE: u16 = 500;

/// Leads of one customer looked at in one run: more than the budget of a run can carry.
const LANE: u16 = 1_000;

/// Releases leads.
pub struct Release<W: Wiring> {
    /// The ledger.
    pub ledger: W::Ledger,
    /// Connections, to know which application's budget a customer uses; customers, to know who is gone.
    pub connections: W::Directory,
    /// The queue.
    pub queue: W::Queue,
    /// Applications' limits.
    pub apps: W::Apps,
    /// What they may still call.
    pub budget: W::Budget,
    /// The time.
    pub clock: W::Clock,
}

/// What one run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Released {
    /// Leads that were recorded or queued, and then nothing happened.
    pub stuck: usize,
    /// Leads whose wait was over.
    pub waited: usize,
}

/// A customer with leads that wait.
struct Lane {
    customer: CustomerId,
    app: AppId,
    /// The mark that led here.
    seen: Timestamp,
    /// Whether the customer was deleted: its leads are refused, which takes no call.
    closing: bool,
    /// Leads that may go now, in order.
    ready: Vec<LeadId>,
    /// When the first of the others may.
    next: Option<Timestamp>,
}

impl<W: Wiring> Release<W> {
    /// Releases what is due now.
    ///
    /// # Errors
    /// [`StoreError`] where the ledger could not be asked. What was not released is due still.
    pub async fn run(&self) -> Result<Released, StoreError> {
        self.run_beside(&BTreeSet::new()).await
    }

    /// The same, but for the lanes of customers whose leads are being gathered for a bulk import.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_beside(
        &self,
        gathering: &BTreeSet<CustomerId>,
    ) -> Result<Released, StoreError> {
        let stuck = self.release_overdue().await?;
        let lanes = self.due_lanes(gathering).await?;
        let waited = self.release_lanes(lanes).await?;
        Ok(Released { stuck, waited })
    }

    async fn release_overdue(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut by_customer: BTreeMap<CustomerId, Vec<LeadId>> = BTreeMap::new();
        for (customer, lead) in self.ledger.overdue(now, OVERDUE).await? {
            by_customer.entry(customer).or_default().push(lead);
        }
        let mut released = 0;
        for (customer, leads) in by_customer {
            released += put_back(&self.ledger, &self.queue, &customer, &leads, now)
                .await?
                .len();
        }
        Ok(released)
    }

    async fn due_lanes(&self, gathering: &BTreeSet<CustomerId>) -> Result<Vec<Lane>, StoreError> {
        let now = self.clock.now();
        let mut lanes = Vec::new();
        for (customer, seen) in self.ledger.due_lanes(now, LANES).await? {
            if gathering.contains(&customer) {
                continue;
            }
            let connection = self.connections.connection(&customer).await?;
            let usable = connection
                .as_ref()
                .is_some_and(|connection| connection.is_usable().is_ok());
            let closing = !usable && self.connections.customer(&customer).await?.is_none();
            let connected = connection
                .as_ref()
                .is_some_and(|connection| connection.lists_for(&[]).is_ok());
            let app = connection.map_or_else(AppId::default_app, |connection| connection.app);
            let waiting = self.ledger.waiting(&customer, LANE).await?;
            let may_go =
                |due: &Option<Timestamp>| closing || due.map_or(connected, |due| due <= now);
            let next = waiting
                .iter()
                .map(|(_, due)| *due)
                .find(|due| !may_go(due))
                .flatten();
            let full = waiting.len() == usize::from(LANE);
            let ready = waiting
                .into_iter()
                .filter(|(_, due)| may_go(due))
                .map(|(lead, _)| lead)
                .collect();
            lanes.push(Lane {
                customer,
                app,
                seen,
                closing,
                ready,
                next: next.or(full.then_some(now)),
            });
        }
        Ok(lanes)
    }

    /// One lead of each customer in turn, until the budget of each application is given out.
    async fn release_lanes(&self, lanes: Vec<Lane>) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut left: BTreeMap<AppId, u32> = BTreeMap::new();
        for lane in &lanes {
            if let Entry::Vacant(entry) = left.entry(lane.app.clone()) {
                entry.insert(self.available(&lane.app, now).await?);
            }
        }
        let free = |lane: &Lane| if lane.closing { lane.ready.len() } else { 0 };
        let mut taken: Vec<_> = lanes.iter().map(free).collect();
        let mut any = true;
        while any {
            any = false;
            for (lane, taken) in lanes.iter().zip(&mut taken) {
                let Some(left) = left.get_mut(&lane.app).filter(|left| **left > 0) else {
                    continue;
                };
                if *taken < lane.ready.len() {
                    (*left, *taken, any) = (*left - 1, *taken + 1, true);
                }
            }
        }
        let mut released = 0;
        for (lane, taken) in lanes.iter().zip(taken) {
            let leads = &lane.ready[..taken];
            let gone = put_back(&self.ledger, &self.queue, &lane.customer, leads, now)
                .await?
                .len();
            let next = if gone < lane.ready.len() {
                Some(now)
            } else {
                lane.next
            };
            self.ledger
                .advance_lane(&lane.customer, lane.seen, next)
                .await?;
            released += gone;
        }
        Ok(released)
    }

    /// Deliveries an application can carry within a run.
    async fn available(&self, app: &AppId, now: Timestamp) -> Result<u32, StoreError> {
        let limits = self.apps.limits(app).await?;
        let state = self.budget.state(app).await?;
        Ok(state
            .unwrap_or_else(|| BudgetState::assumed(limits, now))
            .available(limits, now, SPAN))
    }
}

/// Puts leads of one customer back into the queue and tells which. It sends before it writes: a lead sent twice is
/// delivered once, one written as queued and never sent would be stuck.
///
/// # Errors
/// [`StoreError`]: leads not told of may have been sent; they still wait.
pub async fn put_back(
    ledger: &impl Ledger,
    queue: &impl Queue,
    customer: &CustomerId,
    leads: &[LeadId],
    now: Timestamp,
) -> Result<Vec<LeadId>, StoreError> {
    if leads.is_empty() {
        return Ok(vec![]);
    }
    let released = |lead: &LeadId| Task::Released {
        customer: customer.clone(),
        lead: lead.clone(),
    };
    let tasks: Vec<_> = leads.iter().map(released).collect();
    let failed = match queue.send(&tasks).await {
        Ok(()) => vec![],
        Err(error) => {
            tracing::warn!(customer.id = %customer, error = &error as &dyn std::error::Error, "leads were not put back into the queue");
            error.failed
        }
    };
    let mut gone = Vec::new();
    for (place, lead) in leads.iter().enumerate() {
        if !failed.contains(&place) {
            ledger
                .requeue(customer, lead, now, now + CHECK_AFTER)
                .await?;
            gone.push(lead.clone());
        }
    }
    Ok(gone)
}
