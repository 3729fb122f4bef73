//! Simulates a day's leads for more and more customers, in virtual time: does the cost of a lead grow?

use anyhow::{Context, Result};
use leadfeed_local::progress::Progress;
use leadfeed_simulation::scale::{Growth, growth};
use leadfeed_simulation::wire::Service;

use crate::Effort;

/// Both tables.
pub const TABLES: [Service; 2] = [Service::Directory, Service::Ledger];

/// The day used for the bill: many customers, and more leads than one application can carry.
pub fn billing_day(rows: &[Row]) -> Result<&Row> {
    let within = |row: &&Row| row.day.customers <= 1_000 && row.day.leads <= 100_000;
    rows.iter().rfind(within).context("growth was not measured")
}

/// A day with leads, beside one without.
#[derive(Debug)]
pub struct Row {
    pub day: Growth,
    idle: Growth,
}

impl Row {
    /// Operations caused by the leads. What a scheduler does each minute even without leads is not included.
    pub fn per_lead(&self, services: &[Service]) -> f64 {
        let operations = self.day.of(services);
        self.day
            .per_lead(operations.saturating_sub(self.idle.of(services)))
    }

    /// Operations of a minute with nothing due.
    pub fn per_minute(&self, services: &[Service]) -> f64 {
        self.idle.of(services) as f64 / (24.0 * 60.0)
    }
}

pub fn measure(effort: Effort, progress: &Progress) -> Vec<Row> {
    let step = progress.count("growth, in virtual time", effort.growth.len());
    let mut rows = Vec::new();
    for (customers, leads) in effort.growth {
        step.say(&format!("{customers} customers, {leads} leads"));
        rows.push(Row {
            day: growth(*customers, *leads),
            idle: growth(*customers, 0),
        });
        step.at(rows.len());
    }
    step.done();
    rows
}
