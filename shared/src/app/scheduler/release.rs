//! Automatic releases: what was stuck and what has waited long enough goes back into the queue, as far as the budget
//! can carry it.

mod look;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use self::look::Freed;
use super::Scheduler;
use crate::app::first_error::FirstError;
use crate::app::moment::budget_state;
use crate::app::requeue::{ToRequeue, requeue_all};
use crate::domain::budget::CallClass;
use crate::domain::ids::{AppId, CustomerId};
use crate::ports::{Clock, Connections, Customers, Lanes, Requeue, StoreError, Wiring};

/// How long what a run releases has to go out: until the next run.
const SPAN: SignedDuration = SignedDuration::from_secs(60);

/// Marks read at a time. Those after them are read too: their customers may use another application.
const LANES: u16 = 2_000;

/// Customers looked at in parallel.
const AT_ONCE: usize = 16;

/// How long a run takes on further customers: the others are still due in the next.
const RUN_FOR: SignedDuration = SignedDuration::from_secs(15);

/// How much of that is for looking at them, so that there is time to release leads.
const LOOK_FOR: SignedDuration = SignedDuration::from_secs(10);

/// How far clocks may differ: a claim that has lapsed for the scheduler has lapsed for every drain, too. Else a drain
/// would drop the message of a lead that it still takes for claimed.
const CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_secs(5);

/// Stuck leads taken up in one run.
const OVERDUE: u16 = 500;

/// Fewer deliveries than these are not begun for a customer who had many: old leads share one list of opt-outs.
const MIN_FREQUENT: u32 = 10;

/// What was released.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Released {
    /// Leads that were recorded or queued, and then nothing happened.
    pub stuck: usize,
    /// Leads whose wait was over.
    pub waited: usize,
}

/// What applications have left for a run.
type Budgets = BTreeMap<AppId, Allowance>;

/// Deliveries that an application has left for a run.
#[derive(Clone, Copy)]
struct Allowance {
    all: u32,
    /// Those of them that may go to customers with many waiting leads.
    frequent: u32,
    /// How many leads are few for one customer.
    few: u32,
}

impl Allowance {
    /// Takes one for a lane; says whether one was left.
    fn take(&mut self, lane: &Lane) -> bool {
        let many = lane.ready.len() > self.few as usize;
        let there = self.all > 0 && (!many || self.frequent > 0);
        if there {
            self.all -= 1;
            self.frequent = self.frequent.saturating_sub(u32::from(many));
        }
        there
    }
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
    ready: Vec<ToRequeue>,
    /// When the first of the others may.
    next: Option<Timestamp>,
}

impl<W: Wiring> Scheduler<W> {
    /// Releases what is due now, except in the lanes of customers whose leads are being gathered for a bulk import. If
    /// something of one customer cannot be read, the others' leads still go.
    ///
    /// # Errors
    /// [`StoreError`] if the ledger could not be read or written, even for one customer. What was not released is still
    /// due.
    pub async fn release(&self, gathering: &BTreeSet<CustomerId>) -> Result<Released, StoreError> {
        let began = self.clock.now();
        let (looked, until) = (began + LOOK_FOR, began + RUN_FOR);
        let mut errors = FirstError::default();
        let stuck = self.release_overdue(&mut errors).await;
        let stuck = errors.record(stuck).unwrap_or_default();
        let (lanes, budgets) = self.due_lanes(gathering, looked, &mut errors).await;
        let waited = self.release_lanes(lanes, budgets, until, &mut errors);
        let waited = waited.await;
        errors.end(Released { stuck, waited })
    }

    async fn release_overdue(&self, errors: &mut FirstError) -> Result<usize, StoreError> {
        let now = self.clock.now() - CLOCKS_DIFFER_BY;
        let mut by_customer: BTreeMap<CustomerId, Vec<ToRequeue>> = BTreeMap::new();
        for (customer, lead) in self.ledger.overdue(now, OVERDUE).await? {
            by_customer
                .entry(customer)
                .or_default()
                .push((lead, Requeue::Stuck));
        }
        let by_customer: Vec<_> = by_customer.into_iter().collect();
        let mut released = 0;
        for chunk in by_customer.chunks(AT_ONCE) {
            let sent = chunk
                .iter()
                .map(|(who, leads)| requeue_all(&self.ledger, &self.queue, who, leads, now));
            for ((who, _), sent) in chunk.iter().zip(join_all(sent).await) {
                released += errors.log(who, sent).unwrap_or_default();
            }
        }
        Ok(released)
    }

    /// The lanes that are due, page by page: the longest due may all belong to one application that has no calls left.
    async fn due_lanes(
        &self,
        gathering: &BTreeSet<CustomerId>,
        until: Timestamp,
        errors: &mut FirstError,
    ) -> (Vec<Lane>, Budgets) {
        let (mut lanes, mut budgets, mut left) = (Vec::new(), Budgets::new(), Budgets::new());
        let (now, mut place) = (self.clock.now(), None);
        loop {
            let page = self.ledger.due_lanes(now, place.as_ref(), LANES).await;
            let Some(mut due) = errors.record(page) else {
                return (lanes, budgets);
            };
            let is_last = due.len() < usize::from(LANES);
            place = due.last().cloned();
            due.retain(|(who, _)| !gathering.contains(who));
            for chunk in due.chunks(AT_ONCE) {
                if self.clock.now() >= until {
                    return (lanes, budgets);
                }
                let looks = chunk.iter().map(|(who, seen)| self.lane(who, *seen, &left));
                let looks: Vec<_> = join_all(looks).await;
                for ((who, _), lane) in chunk.iter().zip(looks) {
                    let Some(lane) = errors.log(who, lane).flatten() else {
                        continue;
                    };
                    if !left.contains_key(&lane.app) {
                        let available = self.available(&lane.app).await;
                        let Some(available) = errors.log(who, available) else {
                            continue;
                        };
                        budgets.insert(lane.app.clone(), available);
                        left.insert(lane.app.clone(), available);
                    }
                    if let Some(left) = left.get_mut(&lane.app)
                        && !lane.closing
                        && !lane.ready.is_empty()
                    {
                        left.take(&lane);
                    }
                    lanes.push(lane);
                }
            }
            if is_last {
                return (lanes, budgets);
            }
        }
    }

    /// A customer's lane; `None` if those looked at before use up all that their application has left.
    async fn lane(
        &self,
        customer: &CustomerId,
        seen: Timestamp,
        left: &Budgets,
    ) -> Result<Option<Lane>, StoreError> {
        let now = self.clock.now();
        let connection = self.directory.connection(customer).await?;
        let usable = connection.as_ref().filter(|known| known.is_usable());
        let is_spent = |app| left.get(app).is_some_and(|left| left.all == 0);
        if usable.is_some_and(|known| is_spent(&known.app)) {
            return Ok(None);
        }
        let closing = usable.is_none() && self.directory.customer(customer).await?.is_none();
        let freed = match usable {
            Some(connection) => self.freed(connection).await?,
            None if closing => Freed::All,
            None => Freed::OfForms(BTreeSet::new()),
        };
        let by = if closing { Timestamp::MAX } else { now };
        let (ready, next) = self.look(customer, &freed, by).await?;
        Ok(Some(Lane {
            customer: customer.clone(),
            app: connection.map_or_else(AppId::default_app, |connection| connection.app),
            seen,
            closing,
            ready,
            next,
        }))
    }

    /// One lead of each customer in turn, until the calls left to each application are given out.
    async fn release_lanes(
        &self,
        lanes: Vec<Lane>,
        mut left: Budgets,
        until: Timestamp,
        errors: &mut FirstError,
    ) -> usize {
        let free = |lane: &Lane| if lane.closing { lane.ready.len() } else { 0 };
        let mut taken: Vec<_> = lanes.iter().map(free).collect();
        let mut any = true;
        while any {
            any = false;
            for (lane, taken) in lanes.iter().zip(&mut taken) {
                let Some(left) = left.get_mut(&lane.app) else {
                    continue;
                };
                if *taken < lane.ready.len() && left.take(lane) {
                    (*taken, any) = (*taken + 1, true);
                }
            }
        }
        let shares: Vec<_> = lanes.iter().zip(taken).collect();
        let mut released = 0;
        for chunk in shares.chunks(AT_ONCE) {
            if self.clock.now() >= until {
                break;
            }
            let gone = chunk
                .iter()
                .map(|(lane, taken)| self.release_lane(lane, *taken));
            for ((lane, _), gone) in chunk.iter().zip(join_all(gone).await) {
                released += errors.log(&lane.customer, gone).unwrap_or_default();
            }
        }
        released
    }

    /// Sends the first of a lane's leads, and marks when to look at the next ones.
    async fn release_lane(&self, lane: &Lane, taken: usize) -> Result<usize, StoreError> {
        let (now, leads) = (self.clock.now(), &lane.ready[..taken]);
        let gone = requeue_all(&self.ledger, &self.queue, &lane.customer, leads, now);
        let gone = gone.await?;
        let next = if gone < lane.ready.len() {
            Some(now)
        } else {
            lane.next
        };
        self.ledger
            .advance_lane(&lane.customer, lane.seen, next)
            .await?;
        Ok(gone)
    }

    /// Deliveries an application can carry within a run.
    async fn available(&self, app: &AppId) -> Result<Allowance, StoreError> {
        let now = self.clock.now();
        let (limits, state) = budget_state(&self.apps, &self.budget, app, now).await?;
        let of = |class| state.available(limits, class, now, SPAN);
        Ok(Allowance {
            all: of(CallClass::Delivery),
            frequent: Some(of(CallClass::Frequent))
                .filter(|left| *left >= MIN_FREQUENT)
                .unwrap_or(0),
            few: limits.few(),
        })
    }
}
