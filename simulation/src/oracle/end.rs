//! Checks what may remain unsettled once faults have stopped and time has passed.

use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::lead::LeadState;

use super::{Oracle, Promise, Seen};

/// What has happened since faults stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Time has passed: every lead is finished, or waits for a person.
    TimePassed,
    /// Somebody has also put everything right: no lead waits.
    AllPutRight,
}

impl Oracle {
    /// A lead in a state that is no longer allowed.
    #[must_use]
    pub fn unsettled(&self, phase: Phase) -> Option<(&LeadId, &Seen)> {
        self.leads.iter().find(|(_, seen)| {
            let deleted = self.is_deleted(&seen.customer);
            !(is_done(seen) || (phase == Phase::TimePassed && waits_for_person(seen) && !deleted))
        })
    }

    /// Checks that every lead is settled.
    pub fn check_settled(&mut self, phase: Phase) {
        if let Some((id, seen)) = self.unsettled(phase) {
            let how = format!(
                "{id} is left {:?}, due {:?} ({phase:?})",
                seen.state, seen.due_at
            );
            self.report_violation(Promise::NothingLost, how);
        }
    }

    /// Checks that every delivered lead `is_in` an account of its customer's and was put on a list there. The arguments
    /// are the account and the address's key.
    pub fn check_delivered(&mut self, is_in: impl Fn(&str, &str) -> bool) {
        let delivered = |seen: &Seen| matches!(seen.state, LeadState::Delivered { .. });
        let is_anywhere = |seen: &Seen| {
            let known = self.customers.get(&seen.customer);
            let mut accounts = known.into_iter().flat_map(|known| &known.accounts);
            accounts.any(|account| is_in(account, &seen.email))
        };
        let mut leads = self.leads.iter();
        let missing = leads.find(|(_, seen)| delivered(seen) && !is_anywhere(seen));
        if let Some((id, seen)) = missing {
            let how = format!(
                "{id} of {} is delivered but on no list of an account",
                seen.customer
            );
            self.report_violation(Promise::NothingLost, how);
        }
    }
}

fn is_done(seen: &Seen) -> bool {
    let done = matches!(
        seen.state,
        LeadState::Delivered { .. }
            | LeadState::Refused { .. }
            | LeadState::Quarantined { .. }
            | LeadState::Erased
    );
    let held = matches!(seen.state, LeadState::Sending { .. });
    done || (seen.exported && !held)
}

fn waits_for_person(seen: &Seen) -> bool {
    match seen.state {
        LeadState::Waiting { why } => why.needs_person(),
        _ => false,
    }
}
