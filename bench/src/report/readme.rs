//! The README's table.

use std::fmt::Write as _;

use anyhow::Result;

use super::{Measured, Provenance, bill};
use crate::cold::Cold;
use crate::cost::{SECRET, find_row};
use crate::figures::{median, megabytes, millis, times};
use crate::programs::{EMPTY_HTTP, LEAD_WEBHOOK, NODE, PYTHON};
use crate::warm::Load;

pub fn table(measured: &Measured, provenance: &Provenance) -> Result<String> {
    let mut text = String::from(
        "| function | zipped | start-up | warm, under the runtime interface emulator | resident |\n|---|--:|--:|--:|--:|\n",
    );
    for cold in &measured.cold {
        let name = cold.program.name;
        let mut others = measured.cold.iter();
        let floor = others.find(|other| other.program.name == cold.program.floor);
        let ratio = floor.filter(|floor| floor.program.name != name);
        let ratio = ratio.map(|floor| {
            let start = |row: &Cold| median(&row.startups).as_secs_f64();
            format!(" ({})", times(start(cold), start(floor)))
        });
        let warm = measured
            .emulated
            .iter()
            .find(|row| row.program.name == name);
        writeln!(
            text,
            "| {name} | {} | {}{} | {} | {} |",
            megabytes(cold.zipped),
            millis(median(&cold.startups)),
            ratio.unwrap_or_default(),
            millis(warm.map(|row| median(&row.warm)).unwrap_or_default()),
            megabytes(median(&cold.memory)),
        )?;
    }
    let cpu = |name| find_row(&measured.warm, name, Load::Json).map(|row| median(&row.cpu));
    let ours = cpu(LEAD_WEBHOOK)?.as_secs_f64();
    let others = [EMPTY_HTTP, PYTHON, NODE].into_iter();
    let others = others.filter_map(|name| Some((name, cpu(name).ok()?.as_secs_f64())));
    let others = others.map(|(name, other)| match name {
        EMPTY_HTTP => format!("{} the empty handler", times(ours, other)),
        _ => format!(
            "{} takes {} as much",
            name.replace(LEAD_WEBHOOK, "the same"),
            times(other, ours)
        ),
    });
    let rates = measured.rates.iter();
    let calls: usize = rates.clone().map(|rate| rate.calls.len()).sum();
    let leads: usize = rates.clone().map(|rate| rate.delivered).sum();
    let throttled: usize = rates.clone().map(|rate| rate.throttled).sum();
    let share = rates.map(|rate| rate.share()).fold(f64::INFINITY, f64::min);
    let (in_tens, one_by_one) = (bill::million(measured, 10)?, bill::million(measured, 1)?);
    writeln!(
        text,
        "\nA warm lead takes {:.2} ms of processor time: {}. A lead costs {:.2} calls of Constant Contact, {:.1} % of the\n\
         allowed rate is used and {throttled} calls are throttled; a million leads cost {in_tens:.0} dollars of\n\
         AWS if they come in tens, and {one_by_one:.0} if they come one by one; each connected customer\n\
         costs {SECRET:.2} dollars a month for the secret of its tokens.\n\
         Measured {}; [bench/report.md](bench/report.md) has the rest.",
        ours * 1e3,
        others.collect::<Vec<_>>().join(", "),
        calls as f64 / leads as f64,
        100.0 * share,
        provenance.when,
    )?;
    Ok(text)
}
