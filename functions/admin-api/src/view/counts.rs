use std::collections::BTreeMap;

use jiff::civil::Date;
use leadfeed_shared::app::admin::Counted;
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::tally::{Label, Tally};
use serde::Serialize;

use crate::sums::{Sums, by_label};

#[derive(Serialize)]
pub struct CountsView<'a> {
    customer_id: &'a CustomerId,
    since: Date,
    until: Date,
    total: SumsView,
    days: Vec<DayView>,
}

#[derive(Serialize)]
struct DayView {
    day: Date,
    #[serde(flatten)]
    sums: SumsView,
}

/// The same totals as on the customer's page.
#[derive(Serialize)]
struct SumsView {
    submitted: i64,
    delivered: i64,
    waiting: i64,
    refused: i64,
    quarantined: i64,
    exported: i64,
    erased: i64,
    reasons: BTreeMap<String, i64>,
}

pub fn counts<'a>(customer: &'a CustomerId, counted: &Counted) -> CountsView<'a> {
    let day = |tally: &Tally| DayView {
        day: tally.day,
        sums: sums([tally]),
    };
    let days = counted.days.iter().map(day);
    CountsView {
        customer_id: customer,
        since: counted.since,
        until: counted.until,
        total: sums(&counted.days),
        days: days.filter(|day| day.sums.submitted > 0).collect(),
    }
}

fn sums<'a>(tallies: impl IntoIterator<Item = &'a Tally> + Clone) -> SumsView {
    let sums = Sums::of(tallies.clone());
    let is_shown = |label: &Label| label.reason().is_some() && !label.is_delivered();
    let reasons = by_label(tallies)
        .into_iter()
        .filter(|(label, count)| is_shown(label) && *count > 0)
        .map(|(label, count)| (label.to_string(), count))
        .collect();
    SumsView {
        submitted: sums.all() + sums.erased,
        delivered: sums.delivered,
        waiting: sums.waiting,
        refused: sums.refused,
        quarantined: sums.quarantined,
        exported: sums.exported,
        erased: sums.erased,
        reasons,
    }
}
