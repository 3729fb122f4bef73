//! Checks equal submissions without a key.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::ids::{CustomerId, LeadId};

use super::{Answer, Oracle, Promise, SubmissionId};

/// Equal submissions within this time are one lead.
const DOUBLE_CLICK: SignedDuration = SignedDuration::from_secs(15);

/// The outcome of equal submissions. Submissions of a lead that was erased since are ignored.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    submitted: usize,
    /// Those that were answered and met no fault: when they came in, and the lead of each.
    undisturbed: Vec<(Timestamp, LeadId)>,
}

impl Oracle {
    /// Somebody submits a form without a key.
    pub fn submitted(&mut self, customer: &CustomerId, content: &str) {
        let submission = (customer.clone(), content.to_owned());
        self.duplicates.entry(submission).or_default().submitted += 1;
    }

    /// Checks equal submissions, unless one of them met a fault: then it is uncertain when each lead first came.
    pub(super) fn check_duplicates(&mut self, answer: Answer) {
        let SubmissionId::Content(content) = answer.submission_id else {
            return;
        };
        let duplicates = self
            .duplicates
            .entry((answer.person.customer, content))
            .or_default();
        if !answer.disturbed {
            duplicates
                .undisturbed
                .push((answer.received_at, answer.lead));
        }
        if duplicates.undisturbed.len() < duplicates.submitted {
            return;
        }
        let mut first_seen = BTreeMap::<&LeadId, Timestamp>::new();
        let is_not_erased = |lead: &LeadId| {
            self.leads
                .get(lead)
                .is_none_or(|seen| seen.erased_at.is_none())
        };
        let remaining = duplicates
            .undisturbed
            .iter()
            .filter(|(_, lead)| is_not_erased(lead));
        for (at, lead) in remaining {
            let earliest = first_seen.entry(lead).or_insert(*at);
            *earliest = (*earliest).min(*at);
        }
        let mut times: Vec<_> = first_seen.into_values().collect();
        times.sort_unstable();
        let gap = |pair: &[Timestamp]| pair[1].duration_since(pair[0]);
        if let Some(gap) = times.windows(2).map(gap).find(|it| *it < DOUBLE_CLICK) {
            let how = format!("two leads have the same content and came {gap} apart");
            self.report_violation(Promise::Once, how);
        }
    }
}
