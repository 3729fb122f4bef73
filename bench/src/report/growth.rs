//! The report's section on growth: whether a lead costs more among many.

use std::fmt::Write as _;

use anyhow::Result;
use leadfeed_simulation::wire::Service;

use crate::figures::grouped;
use crate::growth::{Row, TABLES};

pub fn section(rows: &[Row]) -> Result<String> {
    let mut text = String::from(
        "## Growth\n\n\
         A day's leads for ever more customers and ever more leads, with a scheduler every minute and up to 20 drains.\n\
         Simulated on the ports in memory, since a local stack with a million leads would be what is measured. An\n\
         operation of a port is one request, but where many rows are read. What the scheduler does in a minute with\n\
         nothing due is counted apart.\n\n\
         | customers | leads | calls per lead | table operations | queue | secrets | table operations of a quiet minute |\n\
         |--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        writeln!(
            text,
            "| {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.1} |",
            grouped(u64::from(row.day.customers)),
            grouped(u64::from(row.day.leads)),
            row.per_lead(&[Service::Api]),
            row.per_lead(&TABLES),
            row.per_lead(&[Service::Queue]),
            row.per_lead(&[Service::Vault]),
            row.per_minute(&TABLES),
        )?;
    }
    Ok(text)
}
