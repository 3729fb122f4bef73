//! The report's section on how the drain uses the limits.

use crate::backlog::{Backlog, Way};
use crate::figures::grouped;
use crate::rate::Rate;

pub fn rates(rates: &[Rate]) -> String {
    let mut text = String::from(
        "## The drain at the limit\n\n\
         Processes of the function share one application at the strict sandbox: 4 calls in any second, counted as\n\
         Constant Contact counts them. DynamoDB and Secrets Manager are MiniStack's, the clock is the one on the wall.\n\
         The budget spaces calls by 4 % more than the limit asks, so 96.2 % is the most there is.\n\n\
         | drains at once | leads | calls per lead | of the allowed rate | throttled |\n|--:|--:|--:|--:|--:|\n",
    );
    for rate in rates {
        let per_lead = rate.calls.len() as f64 / rate.delivered as f64;
        text.push_str(&format!(
            "| {} | {} | {per_lead:.2} | {:.1} % | {} |\n",
            rate.drains,
            rate.delivered,
            100.0 * rate.share(),
            rate.throttled,
        ));
    }
    text.push_str("\n![Calls over time beside the limit](plots/rate.svg)\n");
    text
}

pub fn backlogs(backlogs: &[Backlog]) -> String {
    let mut text = String::from(
        "## A backlog\n\n\
         Leads that wait at midnight UTC, under the limits of one application: 4 calls a second, 10,000 a day. Simulated,\n\
         since it takes days: the use cases run on the ports in memory, whose stores answer at once and whose Constant\n\
         Contact has the same limits. Two drains and a scheduler every minute; beside them a naive program, of five\n\
         workers that make one call a lead and try again after pauses that double up to a minute. A customer that agreed\n\
         to imports spills over where more waits than a day can carry. Calls beyond one a lead are look-ups of opt-outs,\n\
         which consents older than a quarter of an hour are held against, many with one call.\n\n\
         | leads | way | calls | per lead | refused for a limit | by import | time |\n|--:|---|--:|--:|--:|--:|--:|\n",
    );
    for backlog in backlogs {
        let way = match backlog.way {
            Way::Single => "one by one",
            Way::SpillOver => "with spill-over",
            Way::Naive => "naive loop",
        };
        text.push_str(&format!(
            "| {} | {way} | {} | {:.4} | {} | {} | {} |\n",
            grouped(u64::from(backlog.leads)),
            grouped(backlog.calls as u64),
            backlog.calls as f64 / f64::from(backlog.leads),
            grouped(backlog.refused as u64),
            grouped(backlog.imported as u64),
            hours(backlog),
        ));
    }
    text.push_str("\n![Calls of a backlog](plots/backlog.svg)\n");
    text
}

/// As `2 d 3 h`, `3 h 20 min` or `4 min`.
fn hours(backlog: &Backlog) -> String {
    let minutes = backlog.took.as_secs().div_euclid(60).max(1);
    match (minutes / 1_440, minutes % 1_440 / 60, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
