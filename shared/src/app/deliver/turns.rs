//! When each call is made: the customers of a batch in turn.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::atomic::AtomicBool;

use futures_util::future::{join, join_all};
use jiff::{SignedDuration, Timestamp};

use super::Drain;
use super::call::Delivery;
use super::gates::{Gate, Waiting, in_turn};
use super::opt_outs::{CheckKind, ListedOptOuts, Plan};
use super::outcome::Outcome;
use super::same_address::SameAddress;
use super::take::Ready;
use crate::domain::budget::{CallClass, Limits, Meter, Reservation};
use crate::domain::connection::Connection;
use crate::domain::customer::Customer;
use crate::domain::ids::AppId;
use crate::domain::lead::{RefusalReason, WaitReason};
use crate::ports::{Apps, Budget, Clock, StoreError, Wiring};

/// One customer's turn within a batch.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) ready: &'a Ready,
    class: CallClass,
    pub(super) limits: Limits,
    pub(super) deadline: Timestamp,
    pub(super) owner: &'a str,
    /// Whether a call of this batch has found the application's day spent.
    pub(super) closed: &'a AtomicBool,
}

/// A customer's turn with the gates at which its calls wait.
struct Share<'a> {
    turn: Turn<'a>,
    plan: Plan,
    list: Option<Waiting>,
    groups: Vec<Waiting>,
    /// The gates of the groups while these wait for the list: moments given out before its answer might pass unused.
    behind: VecDeque<Gate<'a>>,
}

impl<'a> Turn<'a> {
    pub(super) fn customer(&self) -> &'a Customer {
        &self.ready.claimed.customer
    }

    pub(super) fn connection(&self) -> &'a Connection {
        &self.ready.claimed.connection
    }

    pub(super) fn app(&self) -> &'a AppId {
        &self.connection().app
    }
}

impl<'a> Share<'a> {
    /// The share of a turn, and its gates: that of the list, if the others need one, or those of all groups.
    fn new(turn: Turn<'a>, now: Timestamp) -> (Self, VecDeque<Gate<'a>>) {
        let customer = &turn.customer().id;
        let plan = Plan::of(&turn.ready.claimed.groups, now);
        let groups = plan.groups.iter().map(|_| Gate::new(customer));
        let (mut gates, groups): (VecDeque<_>, Vec<_>) = groups.unzip();
        let (mut list, mut behind) = (None, VecDeque::new());
        if plan.list_since.is_some() {
            let (gate, waiting) = Gate::new(customer);
            (list, behind) = (Some(waiting), mem::replace(&mut gates, [gate].into()));
        }
        let share = Self {
            turn,
            plan,
            list,
            groups,
            behind,
        };
        (share, gates)
    }
}

impl<W: Wiring> Drain<W> {
    /// Gives every call its moment and makes it. Leads without a moment wait in the ledger.
    pub(super) async fn deliver_all(&self, ready: &[Ready], owner: &str, deadline: Timestamp) {
        let mut by_app: BTreeMap<&AppId, Vec<&Ready>> = BTreeMap::new();
        for ready in ready {
            let app = &ready.claimed.connection.app;
            by_app.entry(app).or_default().push(ready);
        }
        join_all(
            by_app
                .into_iter()
                .map(|(app, customers)| self.deliver_app(app, customers, owner, deadline)),
        )
        .await;
    }

    async fn deliver_app(
        &self,
        app: &AppId,
        customers: Vec<&Ready>,
        owner: &str,
        deadline: Timestamp,
    ) {
        let now = self.keeper.clock.now();
        let limits = match self.keeper.apps.limits(app).await {
            Ok(limits) => limits,
            Err(error) => {
                let settled = customers.into_iter().map(async |ready| {
                    let customer = &ready.claimed.customer.id;
                    let outcome = self.defer("reading the limits of calls", customer, &error);
                    self.settle_all(&ready.claimed, owner, &outcome).await;
                });
                join_all(settled).await;
                return;
            }
        };
        let class = |ready: &&Ready| {
            let customer = &ready.claimed.customer.id;
            self.calls_today.class(customer, limits, now)
        };
        let (few, many): (Vec<_>, Vec<_>) = customers
            .into_iter()
            .partition(|ready| class(ready) == CallClass::Delivery);
        let closed = AtomicBool::new(false);
        let (mut lines, mut shares) = (Vec::new(), Vec::new());
        // Customers who have had few get the earlier moments.
        for (customers, class) in [(few, CallClass::Delivery), (many, CallClass::Frequent)] {
            let turn = |ready| Turn {
                ready,
                class,
                limits,
                deadline,
                owner,
                closed: &closed,
            };
            let class_shares = customers.into_iter();
            let class_shares = class_shares.map(|ready| Share::new(turn(ready), now));
            let (class_shares, gates): (Vec<Share<'_>>, Vec<_>) = class_shares.unzip();
            let first = class_shares.first().map(|share| share.turn);
            lines.extend(first.map(|turn| (turn, in_turn(gates))));
            shares.extend(class_shares);
        }
        let hand_out = async {
            for (turn, gates) in lines {
                self.hand_out(&turn, gates).await;
            }
        };
        let deliver = shares.into_iter();
        let deliver = deliver.map(|share| self.deliver_customer(share));
        join(hand_out, join_all(deliver)).await;
    }

    async fn deliver_customer(&self, share: Share<'_>) {
        let Share {
            turn,
            plan,
            list,
            groups,
            behind,
        } = share;
        let listed = match (plan.list_since, list) {
            (Some(since), Some(list)) => match self.opened(list).await {
                Ok(moment) => self.list_opt_outs(&turn, moment, since).await,
                Err(outcome) => Err(outcome),
            },
            _ => Ok(ListedOptOuts::LookUpEach),
        };
        let (opt_outs, behind) = match listed {
            Ok(opt_outs) => (opt_outs, behind),
            Err(outcome) => (
                ListedOptOuts::LookUpEach,
                turn_away(behind, &plan.groups, &outcome),
            ),
        };
        let (turn, opt_outs) = (&turn, &opt_outs);
        let customer = Some(turn.customer());
        let addresses = turn.ready.claimed.groups.iter();
        let calls: Vec<_> = addresses.zip(plan.groups).zip(groups).collect();
        let deliver =
            calls.into_iter().map(
                async |((leads, check), gate)| match self.opened(gate).await {
                    Ok(moment) => {
                        let delivery = Delivery {
                            turn,
                            leads,
                            check,
                            opt_outs,
                            moment: Some(moment),
                        };
                        self.deliver_group(delivery).await;
                    }
                    Err(outcome) => {
                        self.settle(customer, leads.iter(), turn.owner, &outcome)
                            .await;
                    }
                },
            );
        join(self.hand_out(turn, behind), join_all(deliver)).await;
    }

    /// Delivers the leads of one address and writes down the outcome. If Constant Contact refuses what several say
    /// together, the newest goes at once by itself and the others later: a bad value costs only the lead that has it.
    async fn deliver_group(&self, together: Delivery<'_>) {
        let Delivery {
            turn,
            leads,
            opt_outs,
            ..
        } = together;
        let customer = Some(turn.customer());
        let outcome = self.deliver(together).await;
        if leads.is_single() || !outcome.is_refusal(RefusalReason::CcRefused) {
            return self
                .settle(customer, leads.iter(), turn.owner, &outcome)
                .await;
        }
        let later = self.not_now();
        self.settle(customer, leads.older(), turn.owner, &later)
            .await;
        let newest = SameAddress::single(leads.newest().clone());
        let alone = Delivery {
            turn,
            leads: &newest,
            check: CheckKind::of(&newest, self.keeper.clock.now()),
            opt_outs,
            moment: None,
        };
        let outcome = self.deliver(alone).await;
        self.settle(customer, newest.iter(), turn.owner, &outcome)
            .await;
    }

    /// Up to `want` moments from `from` on that leave enough time for calls that `take` so long, or the outcome of the
    /// leads without one.
    pub(super) async fn moments(
        &self,
        turn: &Turn<'_>,
        want: u32,
        from: Timestamp,
        take: SignedDuration,
    ) -> Result<Vec<Timestamp>, Outcome> {
        let reserved = self.reserve(turn, want, from, turn.deadline - take).await;
        let customer = &turn.customer().id;
        let later = |error| self.defer("reserving another call", customer, &error);
        let moments = self.granted(reserved.map_err(later)?)?;
        let given = moments.len();
        let given = u32::try_from(given).unwrap_or(u32::MAX);
        self.calls_today
            .add(customer, given, self.keeper.clock.now());
        Ok(moments)
    }

    /// Up to `want` moments from `from` to `horizon`.
    pub(super) async fn reserve(
        &self,
        turn: &Turn<'_>,
        want: u32,
        from: Timestamp,
        horizon: Timestamp,
    ) -> Result<Reservation, StoreError> {
        let (app, limits, budget) = (turn.app(), turn.limits, &self.keeper.budget);
        budget
            .reserve(Meter::Api(app, limits), turn.class, want, from, horizon)
            .await
    }

    /// The moments given out, or the outcome of the leads without one.
    pub(super) fn granted(&self, reservation: Reservation) -> Result<Vec<Timestamp>, Outcome> {
        match reservation {
            Reservation::Granted(moments) => Ok(moments),
            Reservation::NotBefore {
                at,
                day_spent: false,
            } => Err(Outcome::waits(WaitReason::Quota, Some(at))),
            Reservation::NotBefore { at, .. } => Err(Outcome::waits_for_day(at, self.jitter())),
        }
    }
}

/// Turns away, without a moment, the leads that cannot be checked against the list. Returns the gates of the others.
fn turn_away<'a>(
    gates: VecDeque<Gate<'a>>,
    checks: &[CheckKind],
    outcome: &Outcome,
) -> VecDeque<Gate<'a>> {
    let mut others = VecDeque::new();
    for (gate, check) in gates.into_iter().zip(checks) {
        match check {
            CheckKind::List => gate.open(Err(outcome.clone())),
            CheckKind::Nothing | CheckKind::LookUp | CheckKind::Arrival => others.push_back(gate),
        }
    }
    others
}
