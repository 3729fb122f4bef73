//! Moments in lots: each call of a batch waits at a gate, and the gates open in turn.

use std::collections::VecDeque;

use futures_channel::oneshot;
use jiff::{SignedDuration, Timestamp};

use super::Drain;
use super::outcome::Outcome;
use super::turns::Turn;
use crate::app::moment::CALL_TAKES;
use crate::domain::budget::Reservation;
use crate::domain::connection::COOLDOWN;
use crate::domain::ids::CustomerId;
use crate::ports::{Clock, Wiring};

/// How far ahead moments are taken, however many drains there are: half of what a person who connects waits for theirs.
/// Half of it is left when more are asked for, so that no moment goes by unused.
const AHEAD: SignedDuration = SignedDuration::from_secs(4);

/// The moments of calls that belong together, or what becomes of them without.
pub(super) type Moments = Result<VecDeque<Timestamp>, Outcome>;

/// Where calls that belong together wait for their moments.
pub(super) struct Gate<'a> {
    customer: &'a CustomerId,
    calls: usize,
    opens: oneshot::Sender<Moments>,
}

/// The other side of a gate.
pub(super) struct Waiting(oneshot::Receiver<Moments>);

impl<'a> Gate<'a> {
    pub(super) fn new(customer: &'a CustomerId, calls: usize) -> (Self, Waiting) {
        let (opens, opened) = oneshot::channel();
        let gate = Self {
            customer,
            calls,
            opens,
        };
        (gate, Waiting(opened))
    }

    /// Whoever waited may have gone.
    fn open(self, moments: Moments) {
        drop(self.opens.send(moments));
    }
}

/// One gate of each customer in turn: whoever wants little has it before anybody has much.
pub(super) fn in_turn(mut lines: Vec<VecDeque<Gate<'_>>>) -> VecDeque<Gate<'_>> {
    let mut gates = VecDeque::new();
    while lines.iter().any(|line| !line.is_empty()) {
        gates.extend(lines.iter_mut().filter_map(VecDeque::pop_front));
    }
    gates
}

impl<W: Wiring> Drain<W> {
    /// Opens gates of one class in their order.
    pub(super) async fn hand_out(&self, turn: &Turn<'_>, mut gates: VecDeque<Gate<'_>>) {
        let mut hand: VecDeque<Timestamp> = VecDeque::new();
        while !gates.is_empty() {
            let calls: usize = gates.iter().map(|gate| gate.calls).sum();
            match self.next_lot(turn, calls - hand.len()).await {
                Ok(lot) => hand.extend(lot),
                Err(outcome) => {
                    for gate in gates {
                        gate.open(Err(outcome.clone()));
                    }
                    return;
                }
            }
            let last = hand.back().copied();
            while gates.front().is_some_and(|gate| gate.calls <= hand.len())
                && let Some(gate) = gates.pop_front()
            {
                let now = self.keeper.clock.now();
                self.served.add(gate.customer, gate.calls, now);
                let moments = hand.drain(..gate.calls).collect();
                gate.open(Ok(moments));
            }
            if let Some(last) = last
                && !gates.is_empty()
            {
                self.keeper.clock.sleep_until(last - AHEAD / 2).await;
            }
        }
    }

    /// Up to `want` moments a little ahead, as soon as there are any, or what becomes of the calls that get none.
    async fn next_lot(&self, turn: &Turn<'_>, want: usize) -> Result<Vec<Timestamp>, Outcome> {
        let want = u32::try_from(want).unwrap_or(u32::MAX);
        let latest = turn.deadline - CALL_TAKES;
        loop {
            let now = self.keeper.clock.now();
            let horizon = latest.min(now + AHEAD);
            let reserved = self.reserve(turn, want, now, horizon).await;
            match reserved.map_err(|_| self.not_now(COOLDOWN))? {
                Reservation::NotBefore {
                    at,
                    day_spent: false,
                } if at <= latest => self.keeper.clock.sleep_until(at - AHEAD / 2).await,
                reservation => return self.granted(reservation),
            }
        }
    }

    /// The moments of the customer's calls, once their gate is open.
    pub(super) async fn opened(&self, gate: Waiting) -> Moments {
        let opened = gate.0.await;
        opened.unwrap_or_else(|_| Err(self.not_now(COOLDOWN)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_little_has_it_before_anybody_has_much() {
        let customers: [CustomerId; 3] = ["a", "b", "c"].map(|id| id.parse().unwrap());
        let line = |(customer, calls): (_, usize)| -> VecDeque<Gate<'_>> {
            let gates = (0..calls).map(|_| Gate::new(customer, 1).0);
            gates.collect()
        };

        let gates = in_turn(customers.iter().zip([4, 1, 2]).map(line).collect());

        let order: Vec<_> = gates.iter().map(|gate| gate.customer.as_str()).collect();
        assert_eq!(order, ["a", "b", "c", "a", "c", "a", "a"]);
    }
}
