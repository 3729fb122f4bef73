//! The report's goals and whether they were met.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Measured;
use super::tables::floor_of;
use crate::cold::Cold;
use crate::cost::find_row;
use crate::figures::{median, megabytes, times};
use crate::programs::{LEAD_WEBHOOK, NODE, PYTHON};
use crate::warm::{Load, Warm};

/// One goal.
struct Goal {
    aim: &'static str,
    result: String,
    met: bool,
}

pub fn section(measured: &Measured) -> Result<String> {
    let mut text = String::from("## In short\n\n| aim | measured | met |\n|---|---|---|\n");
    for goal in goals(measured)? {
        let met = if goal.met { "yes" } else { "**no**" };
        writeln!(text, "| {} | {} | {met} |", goal.aim, goal.result)?;
    }
    text.push('\n');
    text.push_str(&comparison_with_peers(measured)?);
    Ok(text)
}

fn goals(measured: &Measured) -> Result<Vec<Goal>> {
    let own = cold_of(&measured.cold, LEAD_WEBHOOK)?;
    let floor = cold_of(&measured.cold, own.program.floor)?;
    let start = median(&own.startups).as_secs_f64() / median(&floor.startups).as_secs_f64();
    let loads = [
        Load::FormPost,
        Load::FormPostAtTurn,
        Load::Json,
        Load::Webhook,
    ];
    let (mut cpu, mut memory) = (0.0_f64, 0);
    for load in loads {
        let own = find_row(&measured.warm, LEAD_WEBHOOK, load)?;
        let floor = floor_of(&measured.warm, own).context("no floor")?;
        cpu = cpu.max(ratio(median(&own.cpu), median(&floor.cpu)));
        memory = memory.max(median(&own.memory));
    }
    let share = measured.rates.iter().map(|rate| rate.share());
    let share = share.fold(f64::INFINITY, f64::min);
    let throttled: usize = measured.rates.iter().map(|rate| rate.throttled).sum();
    Ok(vec![
        Goal {
            aim: "lead-webhook starts within 2× the empty handler",
            result: format!("{start:.1}×"),
            met: start <= 2.0,
        },
        Goal {
            aim: "lead-webhook is at most 5 MB zipped",
            result: megabytes(own.zipped),
            met: own.zipped <= 5_000_000,
        },
        Goal {
            aim: "lead-webhook is at most 40 MB resident",
            result: megabytes(memory),
            met: memory <= 40_000_000,
        },
        Goal {
            aim: "a warm lead takes at most 3× the processor time of the empty handler",
            result: format!("{cpu:.1}× in the dearest of form post, JSON and signed webhook"),
            met: cpu <= 3.0,
        },
        Goal {
            aim: "drains use at least 95 % of the allowed rate",
            result: format!("{:.1} % at least, with 1, 2 and 5 drains", 100.0 * share),
            met: share >= 0.95,
        },
        Goal {
            aim: "no call is throttled",
            result: throttled.to_string(),
            met: throttled == 0,
        },
    ])
}

fn cold_of<'a>(rows: &'a [Cold], name: &str) -> Result<&'a Cold> {
    let found = rows.iter().find(|row| row.program.name == name);
    found.with_context(|| format!("{name} was not started"))
}

fn ratio(own: Duration, other: Duration) -> f64 {
    own.as_secs_f64() / other.as_secs_f64()
}

/// How far the same intake in other languages is behind.
fn comparison_with_peers(measured: &Measured) -> Result<String> {
    let mut text = String::from(
        "How many times what `lead-webhook` takes the same intake in Python and Node.js takes:\n\n\
         | | start-up | resident | zipped | p50: form | JSON | webhook | processor: form | JSON | webhook |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let ours = cold_of(&measured.cold, LEAD_WEBHOOK)?;
    for name in [PYTHON, NODE] {
        let Ok(theirs) = cold_of(&measured.cold, name) else {
            continue;
        };
        let mut cells = vec![
            times(
                median(&theirs.startups).as_secs_f64(),
                median(&ours.startups).as_secs_f64(),
            ),
            times(median(&theirs.memory) as f64, median(&ours.memory) as f64),
            times(theirs.zipped as f64, ours.zipped as f64),
        ];
        for of in [|row: &Warm| median(&row.p50), |row: &Warm| median(&row.cpu)] {
            for load in [Load::FormPost, Load::Json, Load::Webhook] {
                let own = of(find_row(&measured.warm, LEAD_WEBHOOK, load)?);
                let other = of(find_row(&measured.warm, name, load)?);
                cells.push(times(other.as_secs_f64(), own.as_secs_f64()));
            }
        }
        writeln!(text, "| {name} | {} |", cells.join(" | "))?;
    }
    Ok(text)
}
