//! Requests of a lead, and what they cost.

use std::fmt::Write as _;

use anyhow::Result;

use crate::cost::{self, PRICES};
use crate::programs::{LEAD_WEBHOOK, NODE, PYTHON, QUEUE_DRAIN};
use crate::warm::Warm;

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

pub fn section(warm: &[Warm]) -> Result<String> {
    let mut text = format!(
        "## A million leads\n\n\
         What was counted, times list prices ({PRICES}). What a stack costs without leads is in\n\
         [docs/operator/costs.md](../docs/operator/costs.md); storage and data sent out are not in here.\n"
    );
    for (says, batch) in [("come in tens", 10), ("come one by one", 1)] {
        writeln!(
            text,
            "\n| where leads {says} | of a lead | amount | price of a million | dollars |\n|---|---|--:|--:|--:|"
        )?;
        let bill = cost::bill(warm, batch)?;
        for position in &bill {
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
        let sum: f64 = bill.iter().map(cost::Position::dollars).sum();
        writeln!(text, "| **a million leads** | | | | **{sum:.2}** |")?;
    }
    Ok(text)
}
