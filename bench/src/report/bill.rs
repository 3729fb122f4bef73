//! The report's section on a lead's requests and their cost.

use std::fmt::Write as _;

use anyhow::Result;
use leadfeed_simulation::wire::Service;

use super::Measured;
use crate::cost::{self, LineItem, Month, PRICES};
use crate::figures::grouped;
use crate::growth::{TABLES, billing_day};
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
            let each = row.requests.iter().map(|(operation, usage)| {
                format!("{:.2} {operation}", usage.requests as f64 / leads)
            });
            let units = cost::per_lead(row);
            writeln!(
                text,
                "| {name} | {} | {} | {:.2} | {:.2} |",
                row.load.label(),
                each.collect::<Vec<_>>().join(", "),
                units.writes,
                units.reads,
            )?;
        }
    }
    Ok(text)
}

/// The bill of a lead if drains get batches of `batch`.
pub fn line_items(measured: &Measured, batch: u32) -> Result<Vec<LineItem>> {
    let secrets = billing_day(&measured.growth)?.per_lead(&[Service::Vault]);
    cost::bill(&measured.warm, batch, secrets)
}

/// The cost of a million leads, in dollars.
pub fn million(measured: &Measured, batch: u32) -> Result<f64> {
    let line_items = line_items(measured, batch)?;
    Ok(line_items.iter().map(LineItem::dollars).sum())
}

pub fn section(measured: &Measured) -> Result<String> {
    let mut text = format!(
        "## A million leads\n\n\
         What was counted, times list prices ({PRICES}). Storage and data sent out are not in here.\n"
    );
    for (arrival, batch) in [("come in tens", 10), ("come one by one", 1)] {
        writeln!(
            text,
            "\n| where leads {arrival} | of a lead | amount | price of a million | dollars |\n|---|---|--:|--:|--:|"
        )?;
        for line_item in line_items(measured, batch)? {
            writeln!(
                text,
                "| {} | {} | {:.3} | {} | {:.2} |",
                line_item.name,
                line_item.calculation,
                line_item.amount,
                line_item.price,
                line_item.dollars()
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
    let idle = billing_day(&measured.growth)?.per_minute(&TABLES);
    let mut text = String::from(
        "## A month\n\n\
         In dollars, with the leads of the table above that come one by one. A connected customer is a secret, which is\n\
         most of the bill where there are many.\n\n\
         | customers | leads | secrets | alarms, metrics, dashboard | scheduler, and a queue that is asked in vain | leads | **a month** |\n\
         |--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for (customers, leads) in MONTHS {
        let month = Month::of(customers, leads, million, idle);
        writeln!(
            text,
            "| {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | **{:.2}** |",
            grouped(u64::from(customers)),
            grouped(u64::from(leads)),
            month.secrets,
            month.monitoring,
            month.idle,
            month.leads,
            month.dollars(),
        )?;
    }
    Ok(text)
}
