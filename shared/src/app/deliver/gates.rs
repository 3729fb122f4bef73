//! Moments in lots: the first call for each address waits at a gate, and the gates open in turn. Calls that follow its
//! answer take moments of their own then: nobody knows earlier when that will be.

use std::collections::VecDeque;
use std::iter;

use futures_channel::oneshot;
use jiff::{SignedDuration, Timestamp};

use super::Drain;
use super::outcome::Outcome;
use super::turns::Turn;
use crate::app::moment::CALL_TAKES;
use crate::domain::budget::Reservation;
use crate::domain::ids::CustomerId;
use crate::ports::{Clock, Wiring};

/// How far ahead moments are taken, however many drains there are: half of what a connecting person waits for theirs.
/// More are requested when half of this is left, so that no moment passes unused.
const AHEAD: SignedDuration = SignedDuration::from_secs(4);

/// The moment of a call, or the outcome without one.
type Opened = Result<Timestamp, Outcome>;

/// Where a call waits for its moment.
pub(super) struct Gate<'a> {
    customer: &'a CustomerId,
    opens: oneshot::Sender<Opened>,
}

/// The other side of a gate.
pub(super) struct Waiting(oneshot::Receiver<Opened>);

impl<'a> Gate<'a> {
    pub(super) fn new(customer: &'a CustomerId) -> (Self, Waiting) {
        let (opens, opened) = oneshot::channel();
        (Self { customer, opens }, Waiting(opened))
    }

    /// Opens the gate. Whoever waited may have gone.
    pub(super) fn open(self, moment: Opened) {
        drop(self.opens.send(moment));
    }
}

/// One gate of each customer in turn: those who need little get it before anybody has much.
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
        while !gates.is_empty() {
            let lot = match self.next_lot(turn, gates.len()).await {
                Ok(lot) => lot,
                Err(outcome) => {
                    for gate in gates {
                        gate.open(Err(outcome.clone()));
                    }
                    return;
                }
            };
            let (last, now) = (lot.last().copied(), self.keeper.clock.now());
            for (moment, gate) in lot.into_iter().zip(iter::from_fn(|| gates.pop_front())) {
                self.calls_today.add(gate.customer, 1, now);
                gate.open(Ok(moment));
            }
            if let Some(last) = last
                && !gates.is_empty()
            {
                self.keeper.clock.sleep_until(last - AHEAD / 2).await;
            }
        }
    }

    /// Up to `want` moments a little ahead, as soon as there are any, or the outcome for the calls that get none.
    async fn next_lot(&self, turn: &Turn<'_>, want: usize) -> Result<Vec<Timestamp>, Outcome> {
        let want = u32::try_from(want).unwrap_or(u32::MAX);
        let latest = turn.deadline - CALL_TAKES;
        loop {
            let now = self.keeper.clock.now();
            let horizon = latest.min(now + AHEAD);
            let reserved = self.reserve(turn, want, now, horizon).await;
            let customer = &turn.customer().id;
            let later = |error| self.defer("reserving calls", customer, &error);
            match reserved.map_err(later)? {
                Reservation::NotBefore {
                    at,
                    day_spent: false,
                } if at <= latest => self.keeper.clock.sleep_until(at - AHEAD / 2).await,
                reservation => return self.granted(reservation),
            }
        }
    }

    /// The moment of a call, once its gate is open.
    pub(super) async fn opened(&self, gate: Waiting) -> Opened {
        let opened = gate.0.await;
        opened.unwrap_or_else(|_| Err(self.not_now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_ordered_round_robin_by_customer() {
        let customers: [CustomerId; 3] = ["a", "b", "c"].map(|id| id.parse().unwrap());
        let line = |(customer, calls): (_, usize)| -> VecDeque<Gate<'_>> {
            let gates = (0..calls).map(|_| Gate::new(customer).0);
            gates.collect()
        };

        let gates = in_turn(customers.iter().zip([4, 1, 2]).map(line).collect());

        let order: Vec<_> = gates.iter().map(|gate| gate.customer.as_str()).collect();
        assert_eq!(order, ["a", "b", "c", "a", "c", "a", "a"]);
    }
}
