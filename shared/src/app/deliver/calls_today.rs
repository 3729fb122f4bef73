//! Which customers have had many of a day's calls.
//!
//! Each process counts only what it has given out itself. So the count costs nothing and is never too high, and every
//! process recognises a customer with a flood of leads before it has had much.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::budget::{CallClass, Limits};
use crate::domain::ids::CustomerId;
use crate::domain::utc_day;
use crate::locked;

/// Calls of a UTC day by customer.
#[derive(Debug, Default)]
pub struct CallsToday(Mutex<(Date, HashMap<CustomerId, u32>)>);

impl CallsToday {
    /// The class of the customer's next calls.
    pub(super) fn class(&self, customer: &CustomerId, limits: Limits, now: Timestamp) -> CallClass {
        let calls_today = self.of_day(now, |calls_today| calls_today.get(customer).copied());
        match calls_today {
            Some(calls_today) if calls_today >= limits.few() => CallClass::Frequent,
            _ => CallClass::Delivery,
        }
    }

    pub(super) fn add(&self, customer: &CustomerId, calls: u32, now: Timestamp) {
        self.of_day(now, |calls_today| {
            let calls_today = calls_today.entry(customer.clone()).or_default();
            *calls_today = calls_today.saturating_add(calls);
        });
    }

    fn of_day<T>(
        &self,
        now: Timestamp,
        work: impl FnOnce(&mut HashMap<CustomerId, u32>) -> T,
    ) -> T {
        let today = utc_day(now);
        let mut calls_today = locked(&self.0);
        if calls_today.0 != today {
            *calls_today = (today, HashMap::new());
        }
        work(&mut calls_today.1)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn customer_is_frequent_from_one_percent_of_the_daily_limit_until_midnight() {
        let (calls_today, limits) = (CallsToday::default(), Limits::default());
        let (engines, looms) = ("engines".parse().unwrap(), "looms".parse().unwrap());
        let noon: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();

        calls_today.add(&engines, 99, noon);
        assert_eq!(
            calls_today.class(&engines, limits, noon),
            CallClass::Delivery
        );
        calls_today.add(&engines, 1, noon);

        assert_eq!(
            calls_today.class(&engines, limits, noon),
            CallClass::Frequent
        );
        assert_eq!(calls_today.class(&looms, limits, noon), CallClass::Delivery);
        let tomorrow = noon + SignedDuration::from_hours(12);
        assert_eq!(
            calls_today.class(&engines, limits, tomorrow),
            CallClass::Delivery
        );
    }
}
