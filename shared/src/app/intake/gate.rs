//! How much a form takes in a minute.
//!
//! Each process counts for itself and adds what it has to the shared sum now and then, so that a form with a few
//! leads a minute costs no write, and a flooded one is refused in the process without asking anybody. All processes
//! together let at most `slack` more through, each, than the limit.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::{Arrival, Intake, IntakeError, Way};
use crate::domain::form::Form;
use crate::domain::keys::Purpose;
use crate::ports::{Counters as _, Wiring};

/// Milliseconds over which submissions are counted.
const WINDOW: i64 = 60_000;

/// Submissions a process lets through before it adds them to the shared sum, where the limit is large.
const SLACK: u32 = 5;

/// What one process has counted in the window it is in.
#[derive(Debug, Default)]
pub struct Gate(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    number: i64,
    tallies: HashMap<String, Tally>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    /// The shared sum as last heard.
    shared: u64,
    /// Let through since.
    own: u32,
}

/// What to do with one more submission.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Pass,
    /// Add so many to the shared sum and see.
    Add(u32),
    Refuse,
}

impl Gate {
    /// Counts one more.
    fn step(&self, counter: &str, limit: u32, now: Timestamp) -> Step {
        let mut window = self.window(now);
        let tally = window.tallies.entry(counter.to_owned()).or_default();
        if tally.shared + u64::from(tally.own) >= u64::from(limit) {
            return Step::Refuse;
        }
        tally.own += 1;
        if tally.own > SLACK.min(limit / 20) {
            Step::Add(std::mem::take(&mut tally.own))
        } else {
            Step::Pass
        }
    }

    /// Remembers the shared sum.
    fn learn(&self, counter: &str, sum: u64, now: Timestamp) {
        let mut window = self.window(now);
        window.tallies.entry(counter.to_owned()).or_default().shared = sum;
    }

    fn window(&self, now: Timestamp) -> std::sync::MutexGuard<'_, Window> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.as_millisecond().div_euclid(WINDOW);
        if window.number != number {
            *window = Window {
                number,
                tallies: HashMap::new(),
            };
        }
        window
    }
}

impl<W: Wiring> Intake<W> {
    /// Lets a submission pass if its form, and its origin at the form, have room for it in this minute. What a server
    /// signs comes from that server, whoever filled in the form there.
    pub(super) async fn admit(
        &self,
        form: &Form,
        arrival: &Arrival,
        now: Timestamp,
    ) -> Result<(), IntakeError> {
        let rates = form.screening.rates;
        let of_form = form.id.to_string();
        let ip = arrival.origin.ip.as_ref();
        if let Some(ip) = ip.filter(|_| arrival.way == Way::Form) {
            let whose = self.keys.sign(Purpose::Origin, network(ip).as_bytes());
            let of_origin = format!("{of_form}#{}", hex::encode(&whose[..8]));
            self.count(form, &of_origin, rates.per_origin, now).await?;
        }
        self.count(form, &of_form, rates.per_minute, now).await
    }

    /// A sum out of reach refuses nobody.
    async fn count(
        &self,
        form: &Form,
        counter: &str,
        limit: u32,
        now: Timestamp,
    ) -> Result<(), IntakeError> {
        let begun = now.as_millisecond().rem_euclid(WINDOW);
        let wait = u32::try_from((WINDOW - begun) / 1_000 + 1).unwrap_or_default();
        let more = match self.gate.step(counter, limit, now) {
            Step::Pass => return Ok(()),
            Step::Refuse => return Err(IntakeError::TooMany { wait }),
            Step::Add(more) => more,
        };
        let window = format!("{counter}#{}", now.as_millisecond().div_euclid(WINDOW));
        let until = now + jiff::SignedDuration::from_mins(2);
        match self.ledger.add(&form.customer, &window, more, until).await {
            Ok(sum) => {
                self.gate.learn(counter, sum, now);
                if sum > u64::from(limit) {
                    return Err(IntakeError::TooMany { wait });
                }
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "submissions were not counted"
            ),
        }
        Ok(())
    }
}

/// What one subscriber has: an IPv4 address, or the first half of an IPv6 one.
fn network(ip: &str) -> String {
    match ip.parse().map(|ip: std::net::IpAddr| ip.to_canonical()) {
        Ok(std::net::IpAddr::V6(address)) => {
            let half: Vec<_> = address.segments()[..4].iter().map(u16::to_string).collect();
            half.join(":")
        }
        Ok(address) => address.to_string(),
        Err(_) => ip.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    #[test]
    fn a_few_submissions_cost_no_write_and_more_are_added_in_lots() {
        let gate = Gate::default();

        let steps: Vec<_> = (0..12).map(|_| gate.step("f", 600, at(0))).collect();

        assert_eq!(
            steps.iter().filter(|step| **step == Step::Add(6)).count(),
            2
        );
        assert_eq!(steps.iter().filter(|step| **step == Step::Pass).count(), 10);
    }

    #[test]
    fn what_is_known_to_be_over_is_refused_without_asking_until_the_next_minute() {
        let gate = Gate::default();
        gate.learn("f", 600, at(0));

        assert_eq!(gate.step("f", 600, at(59_999)), Step::Refuse);
        assert_eq!(gate.step("g", 600, at(59_999)), Step::Pass);
        assert_eq!(gate.step("f", 600, at(60_000)), Step::Pass);
    }

    #[test]
    fn a_small_limit_is_asked_for_every_time() {
        let gate = Gate::default();

        assert_eq!(gate.step("f", 3, at(0)), Step::Add(1));
        assert_eq!(gate.step("f", 0, at(0)), Step::Refuse);
    }

    #[test]
    fn a_subscriber_of_ipv6_is_known_by_the_first_half() {
        assert_eq!(network("2001:db8:1:2::7"), network("2001:db8:1:2:aaaa::"));
        assert_ne!(network("2001:db8:1:2::7"), network("2001:db8:1:3::7"));
        assert_ne!(network("192.0.2.7"), network("192.0.2.8"));
        assert_eq!(network("::ffff:192.0.2.7"), network("192.0.2.7"));
        assert_ne!(network("::ffff:192.0.2.7"), network("::ffff:192.0.2.8"));
    }
}
