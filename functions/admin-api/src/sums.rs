//! Totals over several days' counts, for the operator and for the customer's page.

use std::collections::BTreeMap;

use leadfeed_shared::domain::tally::{Label, Outcome, Tally};

/// How many leads there are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    pub delivered: i64,
    pub waiting: i64,
    pub refused: i64,
    pub quarantined: i64,
    pub exported: i64,
    pub erased: i64,
}

impl Sums {
    pub fn of<'t>(tallies: impl IntoIterator<Item = &'t Tally>) -> Self {
        let mut sums = Self::default();
        for (label, count) in tallies.into_iter().flat_map(|tally| &tally.counts) {
            if label.is_part_of_delivered() {
                continue;
            }
            let sum = match label.outcome() {
                Some(Outcome::Delivered) => &mut sums.delivered,
                Some(Outcome::Waiting) => &mut sums.waiting,
                Some(Outcome::Refused) => &mut sums.refused,
                Some(Outcome::Quarantined) => &mut sums.quarantined,
                Some(Outcome::Exported) => &mut sums.exported,
                Some(Outcome::Erased) | None => &mut sums.erased,
            };
            *sum += count;
        }
        for sum in [
            &mut sums.delivered,
            &mut sums.waiting,
            &mut sums.refused,
            &mut sums.quarantined,
            &mut sums.exported,
            &mut sums.erased,
        ] {
            *sum = (*sum).max(0);
        }
        sums
    }

    /// The leads that a bar of the chart shows.
    pub fn all(&self) -> i64 {
        self.delivered + self.waiting + self.refused + self.quarantined + self.exported
    }
}

/// How many leads are counted under each label, over all these days.
pub fn by_label<'t>(tallies: impl IntoIterator<Item = &'t Tally>) -> BTreeMap<&'t Label, i64> {
    let mut sums = BTreeMap::<&Label, i64>::new();
    for (label, count) in tallies.into_iter().flat_map(|tally| &tally.counts) {
        *sums.entry(label).or_default() += count;
    }
    sums
}
