//! Counters of leads by the day they came in, so that a page costs a handful of reads however many leads there are.
//!
//! A lead counts as the latest state that a person would call its outcome. A lead that is on its way for the first time
//! is not counted yet; one that was put back into the queue still counts as what it was before. One that was delivered
//! with another permission than `explicit` counts as delivered, and also by that permission.

mod label;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::Date;

pub use self::label::{Label, Outcome};
use super::customer::quarantined_for;
use super::lead::{LeadRecord, TimelineEntry};

/// How many leads count as what. Days counted by a version that did not tell the permissions apart lack the parts of
/// [`Label::Delivered`].
pub type Counts = BTreeMap<Label, i64>;

/// Adds to the counter of a label, and to the counter that it is a part of.
pub fn add(counts: &mut Counts, label: Label, change: i64) {
    if label.is_part_of_delivered() {
        *counts.entry(Label::Delivered).or_default() += change;
    }
    *counts.entry(label).or_default() += change;
}

/// The counters of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The UTC day on which the leads came in.
    pub day: Date,
    /// How many leads count as what.
    pub counts: Counts,
}

impl Tally {
    /// The day counted again on `today`, from what its leads that are still `kept` count as. All waiting leads are
    /// kept; others may be gone after their retention, so they stay counted as before.
    #[must_use]
    pub fn recounted(&self, kept: Counts, kept_for: SignedDuration, today: Date) -> Self {
        let mut counts = kept;
        let age = today.duration_since(self.day);
        let may_be_gone = |label: &Label| match label.outcome() {
            Some(Outcome::Waiting) => false,
            Some(Outcome::Quarantined) => age >= quarantined_for(kept_for),
            _ => age >= kept_for,
        };
        for (label, shown) in self.counts.iter().filter(|(label, _)| may_be_gone(label)) {
            let count = counts.entry(label.clone()).or_default();
            *count = (*count).max(*shown);
        }
        let day = self.day;
        Self { day, counts }
    }

    /// How many of the day's leads were certainly delivered singly: imports give the implicit permission.
    #[must_use]
    pub fn delivered_singly(&self) -> i64 {
        let of = |label| self.counts.get(&label).copied().unwrap_or(0);
        of(Label::Delivered) - of(Label::DeliveredImplicit)
    }
}

/// What a lead with this timeline counts as.
#[must_use]
pub fn counted(timeline: &[TimelineEntry], exported: bool) -> Option<Label> {
    let mut states = timeline.iter().rev().map(|line| &line.state);
    let last = states.find_map(Label::of);
    match last {
        Some(label) if label.is_delivered() || label == Label::Erased => Some(label),
        _ if exported => Some(Label::Exported),
        last => last,
    }
}

/// What a lead counts as.
#[must_use]
pub fn counted_as(record: &LeadRecord) -> Option<Label> {
    counted(&record.timeline, record.exported_at.is_some())
}

/// Changes to the counters of several days, added up before they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TallyChanges(BTreeMap<Date, Counts>);

impl TallyChanges {
    /// A lead that counted as `from` counts as `to` now.
    pub fn count(&mut self, day: Date, from: Option<Label>, to: Option<Label>) {
        self.doubt(day);
        let counts = self.0.entry(day).or_default();
        for (label, change) in [(from, -1), (to, 1)] {
            if let Some(label) = label {
                add(counts, label, change);
            }
        }
        counts.retain(|_, change| *change != 0);
    }

    /// Marks a day whose counters may be wrong: it is to be counted again, whether or not anything moved.
    pub fn doubt(&mut self, day: Date) {
        self.0.entry(day).or_default();
    }

    /// The changes of each day.
    pub fn days(&self) -> impl Iterator<Item = (Date, &Counts)> {
        self.0.iter().map(|(day, counts)| (*day, counts))
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use jiff::Timestamp;

    use super::*;
    use crate::domain::lead::{
        DeliveryAction, LeadState, OptOutCheck, Permission, RefusalReason, WaitReason,
    };

    #[test]
    fn lead_counts_as_its_last_outcome_even_if_requeued_since() {
        let at = Timestamp::UNIX_EPOCH;
        let why = RefusalReason::CcRefused;
        let states = [
            LeadState::Queued,
            LeadState::waiting(WaitReason::NoList),
            LeadState::Queued,
            LeadState::refused(why),
        ];
        let line = |state: &LeadState| TimelineEntry {
            at,
            state: state.clone(),
        };
        let timeline: Vec<_> = states.iter().map(line).collect();

        assert_eq!(counted(&timeline[..1], false), None);
        assert_eq!(counted(&timeline[..3], true), Some(Label::Exported));
        assert_eq!(
            counted(&timeline[..3], false),
            Some(Label::Waiting(WaitReason::NoList))
        );
        assert_eq!(counted(&timeline, false), Some(Label::Refused(why)));
    }

    #[test]
    fn non_explicit_deliveries_count_as_delivered_and_by_their_permission() {
        let day: Date = "2026-11-23".parse().unwrap();
        let mut changes = TallyChanges::default();
        let waits = || Some(Label::Waiting(WaitReason::Import));
        for permission in [
            Permission::Explicit,
            Permission::PendingConfirmation,
            Permission::Implicit,
            Permission::Implicit,
        ] {
            let state = LeadState::Delivered {
                contact: None,
                action: DeliveryAction::Created,
                permission,
                opt_out_check: OptOutCheck::NotNeeded,
                notes: vec![],
            };
            changes.count(day, waits(), Label::of(&state));
            let line = TimelineEntry {
                at: Timestamp::UNIX_EPOCH,
                state,
            };
            assert_eq!(
                counted(slice::from_ref(&line), true),
                Label::of(&line.state)
            );
        }
        changes.count(day, Some(Label::DeliveredImplicit), Some(Label::Erased));

        let expected = [
            ("delivered", 3),
            ("delivered.implicit", 1),
            ("delivered.pending_confirmation", 1),
            ("erased", 1),
            ("waiting.import", -4),
        ];
        let expected = Counts::from(expected.map(|(label, count)| (label.into(), count)));
        assert_eq!(changes.days().next(), Some((day, &expected)));
    }

    #[test]
    fn recount_keeps_settled_counts_once_their_leads_may_have_expired() {
        let counts = |pairs: [(&str, i64); 3]| Counts::from(pairs.map(|(l, n)| (l.into(), n)));
        let day: Date = "2026-11-23".parse().unwrap();
        let shown = counts([("delivered", 5), ("erased", 0), ("waiting.quota", 2)]);
        let tally = Tally { day, counts: shown };
        let kept = counts([("delivered", 1), ("erased", 1), ("waiting.quota", 1)]);

        let month = SignedDuration::from_hours(24 * 30);
        let soon = tally.recounted(kept.clone(), month, "2026-12-22".parse().unwrap());
        let late = tally.recounted(kept.clone(), month, "2026-12-23".parse().unwrap());

        assert_eq!(soon.counts, kept);
        let expected = counts([("delivered", 5), ("erased", 1), ("waiting.quota", 1)]);
        assert_eq!((late.day, late.counts), (day, expected));
    }

    #[test]
    fn recount_keeps_quarantined_counts_from_the_ninetieth_day_on() {
        let counts = |count| Counts::from([("quarantined.honeypot".into(), count)]);
        let tally = Tally {
            day: "2026-08-01".parse().unwrap(),
            counts: counts(3),
        };
        let years = SignedDuration::from_hours(24 * 730);

        let soon = tally.recounted(counts(1), years, "2026-10-29".parse().unwrap());
        let late = tally.recounted(counts(1), years, "2026-10-30".parse().unwrap());

        assert_eq!((soon.counts, late.counts), (counts(1), counts(3)));
    }

    #[test]
    fn delivered_singly_excludes_imported_leads() {
        let counts = |pairs: &[(&str, i64)]| Tally {
            day: "2026-11-23".parse().unwrap(),
            counts: pairs.iter().map(|(l, n)| ((*l).into(), *n)).collect(),
        };

        let both = counts(&[("delivered", 5), ("delivered.implicit", 3)]);
        assert_eq!(both.delivered_singly(), 2);
        assert_eq!(counts(&[("waiting.quota", 1)]).delivered_singly(), 0);
    }

    #[test]
    fn changes_are_summed_per_day_and_a_doubted_day_has_none() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let label = |text: &str| Some(Label::from(text));
        let mut changes = TallyChanges::default();

        changes.count(day("2026-11-23"), None, label("delivered"));
        changes.count(
            day("2026-11-23"),
            label("waiting.quota"),
            label("delivered"),
        );
        changes.count(day("2026-11-22"), label("delivered"), label("delivered"));
        changes.doubt(day("2026-11-21"));

        let days: Vec<_> = changes.days().collect();
        assert_eq!(days.len(), 3);
        assert!(days[0].1.is_empty() && days[1].1.is_empty());
        let counts = Counts::from([("delivered".into(), 2), ("waiting.quota".into(), -1)]);
        assert_eq!(days[2], (day("2026-11-23"), &counts));
    }
}
