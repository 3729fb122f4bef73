//! Checks each lead's states in the ledger.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::ids::{CustomerId, LeadId};
use leadfeed_shared::domain::lead::{Lead, LeadRecord, LeadState, WaitReason};

use super::{Oracle, Person, Promise};
use crate::wire::Process;

/// The longest that an erasure takes to note whom it is about.
const ERASURE_TAKES: SignedDuration = SignedDuration::from_secs(30);

/// A lead as last seen in the ledger.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its customer.
    pub customer: CustomerId,
    /// The key of its address.
    pub email: String,
    /// Its state.
    pub state: LeadState,
    /// When it was due.
    pub due_at: Option<Timestamp>,
    /// Whether it was exported in a file.
    pub exported: bool,
    /// Whether its consent was changed directly in the table.
    pub tampered: bool,
    /// Whether a retry was requested, or a release from quarantine.
    pub retry_requested: bool,
    /// When it was erased.
    pub erased_at: Option<Timestamp>,
}

impl Seen {
    /// The customer and person of the lead.
    #[must_use]
    pub fn person(&self) -> Person {
        Person {
            customer: self.customer.clone(),
            email: self.email.clone(),
        }
    }
}

impl Oracle {
    /// A claim was granted.
    pub fn claimed(&mut self, process: &Arc<Process>, record: &LeadRecord) {
        let id = &record.lead.id;
        self.claim_holders.insert(id.clone(), process.clone());
        self.unanswered_claims.insert(id.clone());
        let exported = self.leads.get(id).is_some_and(|seen| seen.exported);
        if exported {
            let how = format!("{id} was exported in a file and claimed afterwards");
            self.report_violation(Promise::Once, how);
        }
    }

    /// The holder received the answer to its claim.
    pub fn claim_answered(&mut self, lead: &LeadId) {
        self.unanswered_claims.remove(lead);
    }

    /// Records a lead's state after an operation, and checks the transition.
    pub fn observe_lead(&mut self, process: &Arc<Process>, record: &LeadRecord) {
        let (id, now) = (&record.lead.id, self.now());
        self.unrecorded.remove(id);
        let old = self.leads.get(id);
        let erased = (record.state == LeadState::Erased).then_some(now);
        let erased_at = old.and_then(|old| old.erased_at).or(erased);
        let is_allowed = match old {
            None => is_initial(&record.state),
            Some(old) => old.state == record.state || is_transition(old, &record.state, now),
        };
        if !is_allowed {
            let before = old.map_or("nothing", |old| old.state.as_str());
            let how = format!(
                "{id} went from {before} to {} by {}",
                record.state.as_str(),
                process.name
            );
            self.report_violation(Promise::NothingLost, how);
        }
        let seen = Seen {
            customer: record.lead.customer.clone(),
            email: record.lead.contact.email.key(),
            state: record.state.clone(),
            due_at: record.due_at,
            exported: record.exported_at.is_some(),
            tampered: self.leads.get(id).is_some_and(|old| old.tampered),
            retry_requested: self
                .leads
                .get(id)
                .is_some_and(|old| old.retry_requested && old.state == record.state),
            erased_at,
        };
        let person_leads = self.leads_of.entry(seen.person()).or_default();
        person_leads.insert(id.clone());
        self.leads.insert(id.clone(), seen);
    }

    /// A person replays leads, or releases them from quarantine.
    pub fn request_retry(&mut self, is_meant: impl Fn(&LeadId, &Seen) -> bool) {
        for (id, seen) in &mut self.leads {
            seen.retry_requested |= is_meant(id, seen);
        }
    }

    /// A lead's consent was changed in the table.
    pub fn tampered(&mut self, lead: &LeadId) {
        if let Some(seen) = self.leads.get_mut(lead) {
            seen.tampered = true;
        }
    }

    /// All leads seen.
    pub fn leads(&self) -> impl Iterator<Item = (&LeadId, &Seen)> {
        self.leads.iter()
    }

    /// Whether a lead was erased before a time, so that what comes then is another lead.
    pub(super) fn was_erased_before(&self, lead: &LeadId, at: Timestamp) -> bool {
        let seen = self.leads.get(lead);
        seen.and_then(|seen| seen.erased_at)
            .is_some_and(|erased| erased < at)
    }

    /// Whether the lead is in the ledger.
    #[must_use]
    pub fn is_recorded(&self, lead: &LeadId) -> bool {
        self.leads.contains_key(lead)
    }

    /// A lead that may be nowhere else is removed from the dead letters: allowed only if its person was erased.
    pub fn dead_letter_discarded(&mut self, lead: &Lead) {
        let person = Person {
            customer: lead.customer.clone(),
            email: lead.contact.email.key(),
        };
        if self.erased.contains_key(&person) {
            self.unrecorded.remove(&lead.id);
        }
    }

    /// Checks that every accepted lead is in the ledger, or in a message, unless its person was erased after it came.
    pub fn check_none_lost(&mut self, is_in_message: impl Fn(&LeadId) -> bool) {
        let was_erased = |(person, received_at): &(Person, Timestamp)| {
            let erased_at = self.erased.get(person);
            erased_at.is_some_and(|at| *received_at <= *at + ERASURE_TAKES)
        };
        let mut lost = self
            .unrecorded
            .iter()
            .filter(|(lead, origin)| !is_in_message(lead) && !was_erased(origin));
        if let Some(lost) = lost.next().map(|(lead, _)| lead.clone()) {
            let how = format!("{lost} was accepted and is nowhere");
            self.report_violation(Promise::NothingLost, how);
        }
    }
}

fn is_initial(state: &LeadState) -> bool {
    matches!(
        state,
        LeadState::Received | LeadState::Queued | LeadState::Quarantined { .. }
    )
}

/// Whether a lead may go from one state to another, by the diagram in the documentation.
fn is_transition(old: &Seen, new: &LeadState, now: Timestamp) -> bool {
    use LeadState as S;
    let stuck = old.due_at.is_some_and(|due| due <= now);
    let import = |state: &S| {
        matches!(
            state,
            S::Waiting {
                why: WaitReason::Import
            }
        )
    };
    match (&old.state, new) {
        (S::Erased, _) => false,
        (_, S::Erased) => true,
        (S::Delivered { .. }, _) => false,
        (S::Refused { .. } | S::Quarantined { .. }, S::Queued) => old.retry_requested,
        (S::Refused { .. } | S::Quarantined { .. }, _) => false,
        (S::Received | S::Queued, S::Sending { .. } | S::Queued) => true,
        (S::Sending { until, .. }, S::Sending { .. }) => *until <= now,
        (S::Sending { .. }, S::Delivered { .. } | S::Refused { .. } | S::Waiting { .. }) => true,
        (S::Sending { .. }, S::Queued) => stuck,
        (old, S::Queued) if import(old) => false,
        (old, S::Delivered { .. } | S::Waiting { .. }) if import(old) => true,
        (S::Waiting { .. }, S::Sending { .. } | S::Queued) => true,
        (S::Waiting { why }, new) if import(new) => *why != WaitReason::AnswerLost,
        _ => false,
    }
}
