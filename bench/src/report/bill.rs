//! The report's section on a lead's requests and their cost.

use std::fmt::Write as _;

use anyhow::Result;
use leadfeed_simulation::wire::Service;

use super::Measured;
use crate::cost::{self, Month, PRICES, Position};
use crate::figures::grouped;
use crate::growth::{TABLES, usual};
use crate::programs::{LEAD_WEBHOOK, NODE, PYTHON, QUEUE_DRAIN};
use crate::warm::Warm;

/// Customers and leads of the months calculated; an application carries some 294,000 leads a month.
const MONTHS: [(u32, u32); 3] = [(10, 10_000), (300, 250_000), (3_000, 250_000)];

pub fn requests(warm: &[Warm]) -> Result<String> {
    let mut text = String::from(
        "## Requests of a lead\n\n\
         Counted on the wire, warm. Units are DynamoDB's: of 1 kB written in the table and in each index that changes,\n\
         of 4 kB read consistently. Within 15 s of the turn of a minute, so half of the time, a lead without a key\n\
         costs a write more, by which a double click is one lead.\n\n\
         | function | event | requests of a lead | write units | read units |\n|---|---|---|--:|--:|\n",
    );
    for name in [LEAD_WEBHOOK, PYTHON, NODE, QUEUE_DRAIN] {
        for row in warm.iter().filter(|row| row.program.name == name) {
            let leads = f64::from(row.invocations * row.load.leads());
            let each = row.requests.iter().map(|(operation, asked)| {
                format!("{:.2} {operation}", asked.requests as f64 / leads)
            });
            let units = cost::per_lead(row);
            writeln!(
                text,
                "| {name} | {} | {} | {:.2} | {:.2} |",
                row.load.says(),
                each.collect::<Vec<_>>().join(", "),
                units.writes,
                units.reads,
            )?;
        }
    }
    Ok(text)
}

/// The bill of a lead if drains get batches of `batch`.
pub fn positions(measured: &Measured, batch: u32) -> Result<Vec<Position>> {
    let secrets = usual(&measured.growth)?.per_lead(&[Service::Vault]);
    cost::bill(&measured.warm, batch, secrets)
}

/// The cost of a million leads, in dollars.
pub fn million(measured: &Measured, batch: u32) -> Result<f64> {
    let positions = positions(measured, batch)?;
    Ok(positions.iter().map(Position::dollars).sum())
}

pub fn section(measured: &Measured) -> Result<String> {
    let mut text = format!(
        "## A million leads\n\n\
         What was counted, times list prices ({PRICES}). Storage and data sent out are not in here.\n"
    );
    for (says, batch) in [("come in tens", 10), ("come one by one", 1)] {
        writeln!(
            text,
            "\n| where leads {says} | of a lead | amount | price of a million | dollars |\n|---|---|--:|--:|--:|"
        )?;
        for position in positions(measured, batch)? {
            writeln!(
                text,
                "| {} | {} | {:.3} | {} | {:.2} |",
                position.what,
                position.how,
                position.amount,
                position.price,
                position.dollars()
            )?;
        }
        let sum = million(measured, batch)?;
        writeln!(text, "| **a million leads** | | | | **{sum:.2}** |")?;
    }
    Ok(text)
}

/// A stack's monthly cost, including what it costs without leads.
pub fn months(measured: &Measured) -> Result<String> {
    let million = million(measured, 1)?;
    let quiet = usual(&measured.growth)?.per_minute(&TABLES);
    let mut text = String::from(
        "## A month\n\n\
         In dollars, with the leads of the table above that come one by one. A connected customer is a secret, which is\n\
         most of the bill where there are many.\n\n\
         | customers | leads | secrets | alarms, metrics, dashboard | scheduler, and a queue that is asked in vain | leads | **a month** |\n\
         |--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for (customers, leads) in MONTHS {
        let month = Month::of(customers, leads, million, quiet);
        writeln!(
            text,
            "| {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | **{:.2}** |",
            grouped(u64::from(customers)),
            grouped(u64::from(leads)),
            month.secrets,
            month.watching,
            month.idle,
            month.leads,
            month.dollars(),
        )?;
    }
    Ok(text)
}
