//! The guard against sign-up abuse of one address.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

const MAX_ATTEMPTS: usize = 5;
const ATTEMPT_WINDOW: SignedDuration = SignedDuration::from_hours(24);
const FLAG_DURATION: SignedDuration = SignedDuration::from_hours(48);

/// Attempts per address, over all accounts.
#[derive(Debug, Default)]
pub struct AddressGuard(HashMap<String, Record>);

#[derive(Debug, Default)]
struct Record {
    attempts: Vec<Timestamp>,
    flagged_at: Option<Timestamp>,
}

impl AddressGuard {
    /// Counts one attempt; false while the address is flagged.
    pub fn allows(&mut self, address: &str, now: Timestamp) -> bool {
        let record = self.0.entry(address.to_owned()).or_default();
        let over = |since: Timestamp, span| now.duration_since(since) >= span;
        if let Some(since) = record.flagged_at {
            if !over(since, FLAG_DURATION) {
                return false;
            }
            *record = Record::default();
        }
        record.attempts.retain(|at| !over(*at, ATTEMPT_WINDOW));
        record.attempts.push(now);
        if record.attempts.len() > MAX_ATTEMPTS {
            record.flagged_at = Some(now);
        }
        record.flagged_at.is_none()
    }

    pub fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_attempt_in_a_day_flags_the_address_for_two_days() {
        let mut guard = AddressGuard::default();
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut after = |hours| {
            let now = start + SignedDuration::from_hours(hours);
            guard.allows("a@c.example", now)
        };

        assert!((0..5).all(&mut after));
        assert!(!after(6));
        assert!(!after(53));
        assert!(after(54));
    }

    #[test]
    fn attempts_older_than_a_day_do_not_count() {
        let mut guard = AddressGuard::default();
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut after =
            |hours| guard.allows("a@c.example", start + SignedDuration::from_hours(hours));
        assert!((0..20).map(|n| n * 5).all(&mut after));
    }
}
