//! Who calls when: moments on the budget's clock, shared out among the customers of a batch.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::AtomicBool;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::Drain;
use super::batch::SameAddress;
use super::opt_outs::{Gone, Plan};
use super::outcome::Outcome;
use super::take::Ready;
use crate::app::moment::CALL_TAKES;
use crate::domain::budget::{CallClass, Limits, Reservation, deal};
use crate::domain::connection::COOLDOWN;
use crate::domain::ids::AppId;
use crate::domain::lead::WaitReason;
use crate::ports::{Apps, Budget, Clock, Wiring};

/// One customer's turn within a batch.
pub(super) struct Turn<'a> {
    pub(super) ready: &'a Ready,
    class: CallClass,
    pub(super) limits: Limits,
    pub(super) deadline: Timestamp,
    pub(super) owner: &'a str,
    /// Whether a call of this batch has found the application's day spent.
    pub(super) closed: &'a AtomicBool,
}

/// A customer's turn with the moments it got.
struct Share<'a> {
    turn: Turn<'a>,
    plan: Plan,
    moments: VecDeque<Timestamp>,
    /// What becomes of leads that got none.
    crowded_out: Outcome,
}

impl Turn<'_> {
    pub(super) fn app(&self) -> &AppId {
        &self.ready.connection.app
    }
}

impl<W: Wiring> Drain<W> {
    /// Gives every call its moment and makes it. Leads without a moment wait in the ledger.
    pub(super) async fn deliver_all(&self, ready: &[Ready], owner: &str, deadline: Timestamp) {
        let mut by_app: BTreeMap<&AppId, Vec<&Ready>> = BTreeMap::new();
        for ready in ready {
            by_app.entry(&ready.connection.app).or_default().push(ready);
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
        let Ok(limits) = self.keeper.apps.limits(app).await else {
            let outcome = self.not_now(COOLDOWN);
            let settled = customers.into_iter();
            let settled = settled.map(|ready| self.settle_groups(ready, owner, &outcome));
            join_all(settled).await;
            return;
        };
        let class = |ready: &&Ready| self.served.class(&ready.customer.id, limits, now);
        let (few, many): (Vec<_>, Vec<_>) = customers
            .into_iter()
            .partition(|ready| class(ready) == CallClass::Delivery);
        let closed = AtomicBool::new(false);
        let turn = |ready, class| Turn {
            ready,
            class,
            limits,
            deadline,
            owner,
            closed: &closed,
        };
        let few: Vec<_> = few
            .into_iter()
            .map(|ready| turn(ready, CallClass::Delivery))
            .collect();
        let many: Vec<_> = many
            .into_iter()
            .map(|ready| turn(ready, CallClass::Frequent))
            .collect();
        // Whoever has had few has the earlier moments.
        let few = self.share_out(few).await;
        let many = self.share_out(many).await;
        let turns = few.into_iter().chain(many);
        join_all(turns.map(|share| self.deliver_customer(share))).await;
    }

    /// Gives customers of one class their moments, dealt out in turn. Where there are none, their leads wait.
    async fn share_out<'a>(&self, turns: Vec<Turn<'a>>) -> Vec<Share<'a>> {
        let Some(first) = turns.first() else {
            return vec![];
        };
        let now = self.keeper.clock.now();
        let plan = |turn: &Turn<'_>| Plan::of(&turn.ready.groups, now);
        let plans: Vec<_> = turns.iter().map(plan).collect();
        let wants: Vec<_> = plans.iter().map(Plan::calls).collect();
        match self
            .reserve(first, wants.iter().sum(), now, first.deadline)
            .await
        {
            Ok(moments) => {
                let crowded_out = Outcome::waits(WaitReason::Quota, moments.last().copied());
                let shares = deal(moments, &wants).into_iter().zip(plans).zip(turns);
                let shares = shares.map(|((moments, plan), turn)| {
                    self.served.add(&turn.ready.customer.id, moments.len(), now);
                    Share {
                        turn,
                        plan,
                        moments: VecDeque::from(moments),
                        crowded_out: crowded_out.clone(),
                    }
                });
                shares.collect()
            }
            Err(outcome) => {
                let settled = turns
                    .iter()
                    .map(|turn| self.settle_groups(turn.ready, turn.owner, &outcome));
                join_all(settled).await;
                vec![]
            }
        }
    }

    async fn settle_groups(&self, ready: &Ready, owner: &str, outcome: &Outcome) {
        for leads in &ready.groups {
            self.settle(ready, leads, owner, outcome).await;
        }
    }

    async fn deliver_customer(&self, share: Share<'_>) {
        let Share {
            turn,
            plan,
            moments: mut share,
            crowded_out,
        } = share;
        let gone = match (plan.list_since, share.is_empty()) {
            (None, _) | (_, true) => Gone::AskEach,
            (Some(since), false) => {
                let moment = share.pop_front();
                self.list_opt_outs(&turn, moment, since).await
            }
        };
        let calls = turn.ready.groups.iter().zip(&plan.groups);
        let calls = calls.map(|(leads, check)| {
            let own = share.len().min(check.calls());
            let moments: VecDeque<_> = share.drain(..own).collect();
            (leads, check, (own == check.calls()).then_some(moments))
        });
        let calls: Vec<_> = calls.collect();
        let (turn, gone) = (&turn, &gone);
        join_all(calls.into_iter().map(async |(leads, check, moments)| {
            let outcome = match moments {
                Some(moments) => self.deliver(turn, leads, *check, moments, gone).await,
                None => crowded_out.clone(),
            };
            self.settle(turn.ready, leads, turn.owner, &outcome).await;
        }))
        .await;
    }

    /// The first of the moments that were given, or another one.
    pub(super) async fn take_moment(
        &self,
        turn: &Turn<'_>,
        moments: &mut VecDeque<Timestamp>,
    ) -> Result<Timestamp, Outcome> {
        match moments.pop_front() {
            Some(moment) => Ok(moment),
            None => self.next_moment(turn).await,
        }
    }

    /// One more moment.
    pub(super) async fn next_moment(&self, turn: &Turn<'_>) -> Result<Timestamp, Outcome> {
        self.moment_for(turn, 1, SignedDuration::ZERO).await
    }

    /// A moment no sooner than `ahead` at which so many calls may leave, one right after the other. Everybody else
    /// keeps an even spacing, so they need the moments on both sides of theirs.
    pub(super) async fn moment_for(
        &self,
        turn: &Turn<'_>,
        calls: u32,
        ahead: SignedDuration,
    ) -> Result<Timestamp, Outcome> {
        let (want, from) = (2 * calls - 1, self.keeper.clock.now() + ahead);
        let others = CALL_TAKES * i32::try_from(calls - 1).unwrap_or(0);
        let deadline = turn.deadline - others;
        let moments = self.reserve(turn, want, from, deadline).await?;
        let middle = moments.get(moments.len() / 2).copied();
        middle
            .filter(|_| moments.len() == want as usize)
            .ok_or_else(|| self.not_now(COOLDOWN))
    }

    /// Up to `want` moments from `from` on that leave time for a call before `deadline`, or what becomes of the leads
    /// without one.
    async fn reserve(
        &self,
        turn: &Turn<'_>,
        want: u32,
        from: Timestamp,
        deadline: Timestamp,
    ) -> Result<Vec<Timestamp>, Outcome> {
        let (app, limits, horizon) = (turn.app(), turn.limits, deadline - CALL_TAKES);
        match self
            .keeper
            .budget
            .reserve(app, limits, turn.class, want, from, horizon)
            .await
        {
            Ok(Reservation::Granted(moments)) => Ok(moments),
            Ok(Reservation::NotBefore {
                at,
                day_spent: false,
            }) => Err(Outcome::waits(WaitReason::Quota, Some(at))),
            Ok(Reservation::NotBefore { at, .. }) => Err(Outcome::waits_for_day(at, self.die())),
            Err(_) => Err(self.not_now(COOLDOWN)),
        }
    }
}

/// One address's leads, for a signature that stays readable.
pub(super) type Leads<'a> = &'a SameAddress;
