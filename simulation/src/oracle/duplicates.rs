//! Checks equal submissions without a key.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::ids::{CustomerId, LeadId};

use super::{Answer, Name, Oracle, Promise};

/// Equal submissions within this time are one lead.
const DOUBLE_CLICK: SignedDuration = SignedDuration::from_secs(15);

/// The outcome of equal submissions. If a lead was erased since, nothing is known of its submissions.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    sent: usize,
    /// Those that were answered and met no fault: when they came in, and as which lead.
    calm: Vec<(Timestamp, LeadId)>,
}

impl Oracle {
    /// Somebody sends something without a key.
    pub fn sends(&mut self, customer: &CustomerId, content: &str) {
        let name = (customer.clone(), content.to_owned());
        self.duplicates.entry(name).or_default().sent += 1;
    }

    /// Only if none of them met a fault is it certain when each lead first came.
    pub(super) fn told_alike(&mut self, answer: Answer) {
        let Name::Content(content) = answer.name else {
            return;
        };
        let duplicates = self
            .duplicates
            .entry((answer.customer, content))
            .or_default();
        if !answer.shaken {
            duplicates.calm.push((answer.came_at, answer.lead));
        }
        if duplicates.calm.len() < duplicates.sent {
            return;
        }
        let mut first = BTreeMap::<&LeadId, Timestamp>::new();
        let is_there = |lead: &LeadId| {
            self.leads
                .get(lead)
                .is_none_or(|seen| seen.erased_at.is_none())
        };
        let there = duplicates.calm.iter().filter(|(_, lead)| is_there(lead));
        for (at, lead) in there {
            let known = first.entry(lead).or_insert(*at);
            *known = (*known).min(*at);
        }
        let mut moments: Vec<_> = first.into_values().collect();
        moments.sort_unstable();
        let apart = |pair: &[Timestamp]| pair[1].duration_since(pair[0]);
        if let Some(apart) = moments.windows(2).map(apart).find(|it| *it < DOUBLE_CLICK) {
            let how = format!("two leads say the same and came {apart} apart");
            self.object(Promise::Once, how);
        }
    }
}
