//! Other leads of the same person: a late lead must not overwrite newer values of theirs, and an address called often
//! lately may be held back, not invalid.

use jiff::{SignedDuration, Timestamp};

use super::Drain;
use super::outcome::Outcome;
use super::same_address::SameAddress;
use crate::domain::ids::LeadId;
use crate::domain::lead::{LeadRecord, LeadState, RefusalReason, WaitReason};
use crate::ports::{Clock, Ledger, Wiring};

/// A lead taken up within this time after it came was not overtaken by another of its person: nobody notices a mistake
/// and corrects it sooner. Any later one may have been, since the queue has no order.
const IN_TIME: SignedDuration = SignedDuration::from_secs(5);

/// How many other leads of a person are read: the newest of those found.
const MAX_READ: usize = 8;

/// How many leads of a person are looked for. Nobody has that many; for an address that robots signed up again and
/// again, it is not worth a drain's time to know them all.
const MAX_SEARCHED: usize = 200;

/// How long Constant Contact calls an address invalid that signed up often in a day, according to its support.
const HELD_BACK: SignedDuration = SignedDuration::from_hours(48);

/// How long after that the address is tried again.
const RETRY_MARGIN: SignedDuration = SignedDuration::from_hours(1);

impl<W: Wiring> Drain<W> {
    /// Leads of the same person that came after the oldest of these and are in the account by now, if these go out
    /// late.
    ///
    /// # Errors
    /// Try later, if one of them is just being sent: nobody could tell whose call arrives first.
    pub(super) async fn newer(&self, leads: &SameAddress) -> Result<Vec<LeadRecord>, Outcome> {
        let now = self.keeper.clock.now();
        if !leads.iter().any(|record| is_late(record, now)) {
            return Ok(vec![]);
        }
        let since = leads.oldest().lead.received_at;
        let mut newer = self.others(leads, since).await?;
        newer.retain(|other| other.lead.received_at > since);
        if newer.iter().any(|other| is_being_sent(other, now)) {
            return Err(self.not_now());
        }
        newer.retain(|other| other.state.may_be_in_account());
        Ok(newer)
    }

    /// What a refusal of the address means: one that was accepted lately, or met trouble more than once, is held back
    /// by Constant Contact's protection against abuse, and tried again once that has ended. By then none of this is
    /// recent, so it happens once.
    pub(super) async fn retry_later_if_held_back(
        &self,
        leads: &SameAddress,
        outcome: Outcome,
    ) -> Outcome {
        if !outcome.is_refusal(RefusalReason::InvalidAddress) {
            return outcome;
        }
        let others = match self.others(leads, Timestamp::UNIX_EPOCH).await {
            Ok(others) => others,
            Err(later) => return later,
        };
        let now = self.keeper.clock.now();
        let called_recently = |record: &LeadRecord| was_called_since(record, now - HELD_BACK);
        if others.iter().chain(leads.iter()).any(called_recently) {
            let later = now + HELD_BACK + RETRY_MARGIN;
            return Outcome::waits(WaitReason::Upstream, Some(later));
        }
        outcome
    }

    /// The newest of the person's other leads that came at `since` or later.
    async fn others(
        &self,
        leads: &SameAddress,
        since: Timestamp,
    ) -> Result<Vec<LeadRecord>, Outcome> {
        let newest = &leads.newest().lead;
        let (customer, email) = (&newest.customer, &newest.contact.email);
        let later = |error| self.defer("looking for leads of the same person", customer, &error);
        let found = self.ledger.leads_of(customer, email, MAX_SEARCHED).await;
        let mut ids = found.map_err(later)?;
        ids.retain(|id| id.made_at() + LeadId::OLDER_AT_MOST >= since);
        ids.retain(|id| leads.iter().all(|own| own.lead.id != *id));
        ids.sort_unstable();
        let mut others = Vec::new();
        for id in ids.iter().rev().take(MAX_READ) {
            others.extend(self.ledger.lead(customer, id).await.map_err(later)?);
        }
        Ok(others)
    }
}

fn is_late(record: &LeadRecord, now: Timestamp) -> bool {
    record.attempts > 1 || now.duration_since(record.lead.received_at) > IN_TIME
}

fn is_being_sent(record: &LeadRecord, now: Timestamp) -> bool {
    matches!(&record.state, LeadState::Sending { until, .. } if *until > now)
}

/// Whether Constant Contact accepted the lead's address at this moment or later, or may have, or met it more than once.
fn was_called_since(record: &LeadRecord, since: Timestamp) -> bool {
    let taken = |state: &LeadState| match state {
        LeadState::Delivered { .. } => true,
        LeadState::Waiting { why } => *why == WaitReason::AnswerLost,
        _ => false,
    };
    let upstream = LeadState::waiting(WaitReason::Upstream);
    let lines = record.timeline.iter().filter(|line| line.at > since);
    let transient_failures = lines.clone().filter(|line| line.state == upstream);
    transient_failures.count() > 1 || lines.map(|line| &line.state).any(taken)
}
