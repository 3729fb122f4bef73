//! Checks what may remain once faults have stopped and time has passed.

use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::lead::LeadState;

use super::{Oracle, Promise, Seen};

/// What has happened since faults stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Time has passed: every lead is finished, or waits for a person.
    TimePassed,
    /// A person has also put everything right: no lead waits.
    AllPutRight,
}

impl Oracle {
    /// A lead in a state that is no longer allowed.
    #[must_use]
    pub fn unsettled(&self, rest: Rest) -> Option<(&LeadId, &Seen)> {
        self.leads.iter().find(|(_, seen)| {
            let deleted = self.is_deleted(&seen.customer);
            !(is_done(seen) || (rest == Rest::TimePassed && waits_for_person(seen) && !deleted))
        })
    }

    /// Checks that every lead has come to its end.
    pub fn all_settled(&mut self, rest: Rest) {
        if let Some((id, seen)) = self.unsettled(rest) {
            let how = format!(
                "{id} is left {:?}, due {:?} ({rest:?})",
                seen.state, seen.due_at
            );
            self.object(Promise::NothingLost, how);
        }
    }

    /// Checks that every delivered lead `is_in` an account of its customer's and was put on a list there. The arguments
    /// are the account and the address's key.
    pub fn all_arrived(&mut self, is_in: impl Fn(&str, &str) -> bool) {
        let delivered = |seen: &Seen| matches!(seen.state, LeadState::Delivered { .. });
        let is_anywhere = |seen: &Seen| {
            let side = self.customers.get(&seen.customer);
            let mut accounts = side.into_iter().flat_map(|side| &side.accounts);
            accounts.any(|account| is_in(account, &seen.email))
        };
        let mut leads = self.leads.iter();
        let missing = leads.find(|(_, seen)| delivered(seen) && !is_anywhere(seen));
        if let Some((id, seen)) = missing {
            let how = format!(
                "{id} of {} is delivered and on no list of an account",
                seen.customer
            );
            self.object(Promise::NothingLost, how);
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
