//! Call limits: a sliding one-second window and a count per UTC day.

use std::collections::VecDeque;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

const WINDOW: SignedDuration = SignedDuration::from_secs(1);

/// What one API key has used.
#[derive(Debug, Default)]
pub struct Meter {
    accepted: VecDeque<Timestamp>,
    day: Option<Date>,
    used_today: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Accepted,
    Throttled,
    QuotaExceeded,
}

impl Meter {
    /// Decides on a call at `now`. In any closed one-second window, at most `per_second` are accepted.
    pub fn admit(
        &mut self,
        now: Timestamp,
        per_second: u32,
        per_day: u32,
        throttled_uses_quota: bool,
    ) -> Admission {
        self.advance_to(now);
        if self.used_today >= per_day {
            return Admission::QuotaExceeded;
        }
        if self.accepted.len() >= per_second as usize {
            self.used_today += u32::from(throttled_uses_quota);
            return Admission::Throttled;
        }
        self.accepted.push_back(now);
        self.used_today += 1;
        Admission::Accepted
    }

    pub fn used_today(&self, now: Timestamp) -> u32 {
        let today = self.day == Some(utc_date(now));
        if today { self.used_today } else { 0 }
    }

    pub fn used_this_second(&self, now: Timestamp) -> usize {
        let recent = |at: &&Timestamp| in_window(**at, now);
        self.accepted.iter().filter(recent).count()
    }

    fn advance_to(&mut self, now: Timestamp) {
        self.accepted.retain(|at| in_window(*at, now));
        let today = utc_date(now);
        if self.day != Some(today) {
            self.day = Some(today);
            self.used_today = 0;
        }
    }
}

/// A call after `now` must come from a clock that was set back; it no longer counts.
fn in_window(at: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(at);
    age >= SignedDuration::ZERO && age <= WINDOW
}

fn utc_date(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn fifth_call_is_throttled_until_the_first_is_over_a_second_old() {
        let mut meter = Meter::default();
        let mut call = |text| meter.admit(at(text), 4, 10, false);
        for text in ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.2Z"] {
            assert_eq!(call(text), Admission::Accepted);
            assert_eq!(call(text), Admission::Accepted);
        }

        assert_eq!(call("2026-01-01T00:00:00.9Z"), Admission::Throttled);
        assert_eq!(call("2026-01-01T00:00:01Z"), Admission::Throttled);
        assert_eq!(call("2026-01-01T00:00:01.001Z"), Admission::Accepted);
    }

    #[test]
    fn daily_quota_resets_at_midnight_utc() {
        let mut meter = Meter::default();
        let mut call = |text| meter.admit(at(text), 4, 1, false);
        assert_eq!(call("2026-01-01T23:59:57Z"), Admission::Accepted);
        assert_eq!(call("2026-01-01T23:59:59.999Z"), Admission::QuotaExceeded);
        assert_eq!(call("2026-01-02T00:00:00Z"), Admission::Accepted);
    }

    #[test]
    fn throttled_calls_count_against_the_quota_only_if_configured() {
        let now = at("2026-01-01T00:00:00Z");
        let used = |counted| {
            let mut meter = Meter::default();
            meter.admit(now, 1, 10, counted);
            meter.admit(now, 1, 10, counted);
            meter.used_today(now)
        };
        assert_eq!((used(true), used(false)), (2, 1));
    }
}
