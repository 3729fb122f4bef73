//! Rate limits: how many submissions a form accepts in a minute, and how many leads it lets out in a day, in all and of
//! one person.
//!
//! Each process counts for itself and adds its count to the shared sum now and then, so that a form with a few leads a
//! minute costs no write, and a flooded one is refused in the process without asking anybody. Each process lets at most
//! `slack` more through than the limit.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::{Arrival, Channel, Intake, IntakeError};
use crate::domain::email::EmailAddress;
use crate::domain::form::Form;
use crate::domain::keys::Purpose;
use crate::domain::lead::QuarantineReason;
use crate::domain::suppression::PersonId;
use crate::locked;
use crate::ports::{RateCounters as _, Wiring, causes};

/// How many counters of one window a process remembers. With one more it starts afresh: what it forgets lets a few more
/// through.
const MAX_COUNTERS: usize = 10_000;

/// The time over which something is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    Minute,
    /// Of UTC.
    Day,
}

impl Window {
    fn millis(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Day => 86_400_000,
        }
    }

    /// How many a process lets through before it adds them to the shared sum, if the limit is large. A day's sum may
    /// lag behind longer, so that it costs next to no writes.
    fn slack(self) -> u32 {
        match self {
            Self::Minute => 5,
            Self::Day => 20,
        }
    }

    /// The number of the window at `at`, counted from 1970 on.
    fn number(self, at: Timestamp) -> i64 {
        at.as_millisecond().div_euclid(self.millis())
    }

    fn left(self, at: Timestamp) -> SignedDuration {
        SignedDuration::from_millis(self.millis() - at.as_millisecond().rem_euclid(self.millis()))
    }
}

/// Something that is counted, and its maximum.
#[derive(Debug)]
struct Limit {
    counter: String,
    most: u32,
    window: Window,
}

impl Limit {
    fn per_minute(counter: impl Into<String>, most: u32) -> Self {
        Self {
            counter: counter.into(),
            most,
            window: Window::Minute,
        }
    }

    fn per_day(counter: impl Into<String>, most: u32) -> Self {
        Self {
            window: Window::Day,
            ..Self::per_minute(counter, most)
        }
    }
}

/// What one process has counted in the current windows.
#[derive(Debug, Default)]
pub struct RateLimiter {
    minute: Mutex<Counts>,
    day: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    window: i64,
    by_counter: HashMap<String, Count>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// The shared sum as last read.
    shared: u64,
    /// Let through since.
    own: u32,
}

/// What to do with one more submission.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Pass,
    /// Add this many to the shared sum and see.
    Add(u32),
    Refuse,
}

impl RateLimiter {
    /// Counts one more.
    fn step(&self, limit: &Limit, now: Timestamp) -> Step {
        let mut counts = self.counts(limit.window, now);
        let count = counts.entry(&limit.counter);
        if count.shared + u64::from(count.own) >= u64::from(limit.most) {
            return Step::Refuse;
        }
        count.own += 1;
        if count.own > limit.window.slack().min(limit.most / 20) {
            Step::Add(std::mem::take(&mut count.own))
        } else {
            Step::Pass
        }
    }

    /// Remembers the shared sum.
    fn learn(&self, limit: &Limit, sum: u64, now: Timestamp) {
        let mut counts = self.counts(limit.window, now);
        counts.entry(&limit.counter).shared = sum;
    }

    fn counts(&self, window: Window, now: Timestamp) -> MutexGuard<'_, Counts> {
        let counts = match window {
            Window::Minute => &self.minute,
            Window::Day => &self.day,
        };
        let mut counts = locked(counts);
        let number = window.number(now);
        if counts.window != number {
            *counts = Counts {
                window: number,
                by_counter: HashMap::new(),
            };
        }
        counts
    }
}

impl Counts {
    fn entry(&mut self, counter: &str) -> &mut Count {
        if self.by_counter.len() >= MAX_COUNTERS && !self.by_counter.contains_key(counter) {
            self.by_counter.clear();
        }
        self.by_counter.entry(counter.to_owned()).or_default()
    }
}

impl<W: Wiring> Intake<W> {
    /// Lets a submission pass if its form, and its origin there, have room for it in this minute. What a server signs
    /// comes from that server, whoever filled in the form; it has a limit of its own, which nobody else fills.
    pub(super) async fn admit(
        &self,
        form: &Form,
        arrival: &Arrival,
        now: Timestamp,
    ) -> Result<(), IntakeError> {
        let rates = form.screening.rates;
        let of_form = |counter| Limit::per_minute(counter, rates.per_minute);
        let limits = match (arrival.channel, &arrival.origin.ip) {
            (Channel::Webhook, _) => vec![of_form(format!("{}#signed", form.id))],
            (Channel::Form, None) => vec![of_form(form.id.to_string())],
            (Channel::Form, Some(ip)) => {
                let origin = self.keys.sign(Purpose::Origin, network(ip).as_bytes());
                let origin = format!("{}#{}", form.id, hex::encode(&origin[..8]));
                let of_origin = Limit::per_minute(origin, rates.per_origin);
                vec![of_origin, of_form(form.id.to_string())]
            }
        };
        let limits = limits.into_iter().map(|limit| (limit, ()));
        let Some(()) = self.first_over_limit(form, limits, now).await else {
            return Ok(());
        };
        let wait = u32::try_from(Window::Minute.left(now).as_secs() + 1).unwrap_or_default();
        Err(IntakeError::TooMany { wait })
    }

    /// Why a lead that would go out has to be looked at first: its form has let too many out today, or too many of its
    /// person. What a server signs is that server's responsibility.
    pub(super) async fn over_daily_limit(
        &self,
        form: &Form,
        channel: Channel,
        email: &EmailAddress,
        now: Timestamp,
    ) -> Option<QuarantineReason> {
        if channel == Channel::Webhook {
            return None;
        }
        let rates = form.screening.rates;
        let person = PersonId::of(&self.keys, &form.customer, email);
        let of_person = Limit::per_day(format!("{}#{person}", form.id), rates.per_address);
        let of_form = Limit::per_day(format!("{}#day", form.id), rates.per_day);
        let limits = [
            (of_person, QuarantineReason::RepeatedAddress),
            (of_form, QuarantineReason::DailyLimit),
        ];
        self.first_over_limit(form, limits, now).await
    }

    /// Counts one more of each and returns which one is over its limit, if any. Sums are added to at the same time;
    /// what follows one that is known here to be over is not counted. A sum out of reach refuses nobody.
    async fn first_over_limit<T>(
        &self,
        form: &Form,
        limits: impl IntoIterator<Item = (Limit, T)>,
        now: Timestamp,
    ) -> Option<T> {
        let (mut known, mut lots) = (None, Vec::new());
        for (limit, what) in limits {
            match self.limiter.step(&limit, now) {
                Step::Pass => {}
                Step::Add(more) => lots.push((limit, more, what)),
                Step::Refuse => {
                    known = Some(what);
                    break;
                }
            }
        }
        let add = async |(limit, more, what)| {
            let is_over = self.add(form, &limit, more, now).await;
            is_over.then_some(what)
        };
        let over = join_all(lots.into_iter().map(add)).await;
        over.into_iter().flatten().next().or(known)
    }

    /// Adds a lot to a sum, and says whether the sum is over its limit.
    async fn add(&self, form: &Form, limit: &Limit, more: u32, now: Timestamp) -> bool {
        let counter = format!("{}#{}", limit.counter, limit.window.number(now));
        let until = now + limit.window.left(now) + SignedDuration::from_mins(1);
        match self.ledger.add(&form.customer, &counter, more, until).await {
            Ok(sum) => {
                self.limiter.learn(limit, sum, now);
                sum > u64::from(limit.most)
            }
            Err(error) => {
                tracing::warn!(
                    error = %causes(&error),
                    "submissions were not counted"
                );
                false
            }
        }
    }
}

/// The network of one subscriber: an IPv4 address, or the first half of an IPv6 one.
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
    use crate::domain::screening::Rates;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    /// How many submissions pass before the first lot is added.
    fn passes_before_first_lot(limiter: &RateLimiter, limit: &Limit) -> usize {
        let steps = (0..).map(|_| limiter.step(limit, at(0)));
        steps.take_while(|step| *step == Step::Pass).count()
    }

    #[test]
    fn submissions_are_added_to_the_shared_sum_in_lots_of_six() {
        let (limiter, limit) = (RateLimiter::default(), Limit::per_minute("f", 600));

        let steps: Vec<_> = (0..12).map(|_| limiter.step(&limit, at(0))).collect();

        assert_eq!(
            steps.iter().filter(|step| **step == Step::Add(6)).count(),
            2
        );
        assert_eq!(steps.iter().filter(|step| **step == Step::Pass).count(), 10);
    }

    #[test]
    fn counter_known_to_be_over_its_limit_is_refused_locally_until_the_next_minute() {
        let (limiter, f, g) = (
            RateLimiter::default(),
            Limit::per_minute("f", 600),
            Limit::per_minute("g", 600),
        );
        limiter.learn(&f, 600, at(0));

        assert_eq!(limiter.step(&f, at(59_999)), Step::Refuse);
        assert_eq!(limiter.step(&g, at(59_999)), Step::Pass);
        assert_eq!(limiter.step(&f, at(60_000)), Step::Pass);
    }

    #[test]
    fn small_limit_adds_every_submission_to_the_shared_sum() {
        let limiter = RateLimiter::default();

        assert_eq!(
            limiter.step(&Limit::per_minute("f", 3), at(0)),
            Step::Add(1)
        );
        assert_eq!(
            limiter.step(&Limit::per_minute("f", 0), at(0)),
            Step::Refuse
        );
    }

    #[test]
    fn daily_lots_are_21_for_a_form_and_2_for_an_address() {
        let limiter = RateLimiter::default();

        let usual = Rates::default();

        assert_eq!(
            passes_before_first_lot(&limiter, &Limit::per_day("form", usual.per_day)),
            20
        );
        assert_eq!(
            passes_before_first_lot(&limiter, &Limit::per_day("person", usual.per_address)),
            1
        );
    }

    #[test]
    fn daily_counter_is_kept_until_midnight() {
        let (limiter, limit, midnight) = (
            RateLimiter::default(),
            Limit::per_day("f", 600),
            Window::Day.millis(),
        );
        limiter.learn(&limit, 600, at(0));

        assert_eq!(limiter.step(&limit, at(midnight - 1)), Step::Refuse);
        assert_eq!(limiter.step(&limit, at(midnight)), Step::Pass);
    }

    #[test]
    fn counters_are_cleared_when_too_many_are_remembered() {
        let limiter = RateLimiter::default();
        for number in 0..=MAX_COUNTERS {
            limiter.step(&Limit::per_minute(number.to_string(), 600), at(0));
        }

        assert_eq!(limiter.minute.lock().unwrap().by_counter.len(), 1);
    }

    #[test]
    fn ipv6_address_counts_by_its_first_half_and_ipv4_as_a_whole() {
        assert_eq!(network("2001:db8:1:2::7"), network("2001:db8:1:2:aaaa::"));
        assert_ne!(network("2001:db8:1:2::7"), network("2001:db8:1:3::7"));
        assert_ne!(network("192.0.2.7"), network("192.0.2.8"));
        assert_eq!(network("::ffff:192.0.2.7"), network("192.0.2.7"));
        assert_ne!(network("::ffff:192.0.2.7"), network("::ffff:192.0.2.8"));
    }
}
