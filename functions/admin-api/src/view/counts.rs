use std::collections::BTreeMap;

use jiff::civil::Date;
use leadfeed_shared::app::admin::Counted;
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::tally::{Tally, is_delivered};
use serde::Serialize;

use crate::sums::{Sums, by_label};

#[derive(Serialize)]
pub struct CountsView<'a> {
    customer_id: &'a CustomerId,
    since: Date,
    until: Date,
    total: SumsView<'a>,
    days: Vec<DayView<'a>>,
}

#[derive(Serialize)]
struct DayView<'a> {
    day: Date,
    #[serde(flatten)]
    sums: SumsView<'a>,
}

/// The same totals as on the customer's page.
#[derive(Serialize)]
struct SumsView<'a> {
    submitted: i64,
    delivered: i64,
    waiting: i64,
    refused: i64,
    quarantined: i64,
    exported: i64,
    erased: i64,
    reasons: BTreeMap<&'a str, i64>,
}

pub fn counts<'a>(customer: &'a CustomerId, counted: &'a Counted) -> CountsView<'a> {
    let day = |tally: &'a Tally| DayView {
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

fn sums<'a>(tallies: impl IntoIterator<Item = &'a Tally> + Clone) -> SumsView<'a> {
    let sums = Sums::of(tallies.clone());
    let mut reasons = by_label(tallies);
    reasons.retain(|label, count| label.contains('.') && !is_delivered(label) && *count > 0);
    SumsView {
        submitted: sums.all() + sums.erased,
        delivered: sums.delivered,
        waiting: sums.waiting,
        refused: sums.refused,
        quarantined: sums.aside,
        exported: sums.exported,
        erased: sums.erased,
        reasons,
    }
}
