//! Constant Contact's guard against sign-up abuse of one address.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::account_state::invalid;
use super::{FakeCrm, World};
use crate::domain::crm::CrmError;
use crate::domain::email::EmailAddress;

/// Sign-ups within [`WINDOW`] that do not flag an address.
const ATTEMPTS: usize = 5;
const WINDOW: SignedDuration = SignedDuration::from_hours(24);
const FLAGGED_FOR: SignedDuration = SignedDuration::from_hours(48);

/// Sign-ups by address, over all accounts.
#[derive(Debug, Default)]
pub(super) struct Guard(HashMap<String, Record>);

#[derive(Debug, Default)]
struct Record {
    attempts: Vec<Timestamp>,
    flagged_at: Option<Timestamp>,
}

impl Guard {
    fn allows(&mut self, address: String, now: Timestamp) -> bool {
        let record = self.0.entry(address).or_default();
        let within = |at: Timestamp, span| now.duration_since(at) < span;
        if let Some(at) = record.flagged_at {
            if within(at, FLAGGED_FOR) {
                return false;
            }
            *record = Record::default();
        }
        record.attempts.retain(|at| within(*at, WINDOW));
        record.attempts.push(now);
        if record.attempts.len() > ATTEMPTS {
            record.flagged_at = Some(now);
        }
        record.flagged_at.is_none()
    }
}

impl World {
    /// Counts a sign-up of an address, if the guard is on.
    pub(super) fn count_sign_up(
        &mut self,
        email: &EmailAddress,
        now: Timestamp,
    ) -> Result<(), CrmError> {
        let guard = self.guard.as_mut();
        if guard.is_none_or(|guard| guard.allows(email.key(), now)) {
            Ok(())
        } else {
            Err(invalid("email_address: invalid email address"))
        }
    }
}

impl FakeCrm {
    /// From now on, refuses an address for two days once it signs up more than five times within one. Off by default:
    /// in worlds with few people, nobody would be left.
    pub fn guard_addresses(&self) {
        self.world
            .with(|world| world.guard = Some(Guard::default()));
    }
}
