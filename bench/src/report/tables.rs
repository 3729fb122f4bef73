//! The report's tables of each program's measurements.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cold::Cold;
use crate::emulated::{self, Emulated};
use crate::figures::{median, megabytes, millis, times};
use crate::programs::Program;
use crate::warm::Warm;

/// A median, and its ratio to the floor's.
fn with_ratio(program: &Program, own: Duration, floor: Duration) -> String {
    if program.name == program.floor {
        return millis(own);
    }
    let ratio = times(own.as_secs_f64(), floor.as_secs_f64());
    format!("{} ({ratio})", millis(own))
}

pub fn cold(rows: &[Cold]) -> Result<String> {
    let mut text = String::from(
        "## At rest and at the start\n\n\
         From the start of the process to its first poll of the runtime API, with everything opened that an\n\
         invocation needs. Python and Node.js are with their pinned SDK in the archive; Lambda's own images bring one\n\
         that is not pinned.\n\n\
         | function | zipped | unzipped | start-up | resident by then |\n|---|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let floor = rows
            .iter()
            .find(|other| other.program.name == row.program.floor);
        let floor = floor.context("no floor")?;
        writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            row.program.name,
            megabytes(row.zipped),
            megabytes(row.unzipped),
            with_ratio(&row.program, median(&row.startups), median(&floor.startups)),
            megabytes(median(&row.memory)),
        )?;
    }
    text.push_str("\n![Start-up of each program](plots/start-up.svg)\n");
    Ok(text)
}

pub fn emulated(rows: &[Emulated]) -> Result<String> {
    let mut text = format!(
        "## Under Lambda's runtime interface emulator\n\n\
         As the emulator reports it: the first invocation, with the start of the program, and the median of the {}\n\
         after it.\n\n\
         | function | event | first | warm |\n|---|---|--:|--:|\n",
        emulated::INVOCATIONS - 1
    );
    for row in rows {
        let floor = rows
            .iter()
            .find(|other| other.program.name == row.program.floor);
        let floor = floor.context("no floor")?;
        let cell = |of: fn(&Emulated) -> &Vec<Duration>| {
            with_ratio(&row.program, median(of(row)), median(of(floor)))
        };
        writeln!(
            text,
            "| {} | {} | {} | {} |",
            row.program.name,
            row.program.event_label,
            cell(|row| &row.first),
            cell(|row| &row.warm),
        )?;
    }
    Ok(text)
}

pub fn warm(rows: &[Warm]) -> Result<String> {
    let mut text = String::from(
        "## Warm\n\n\
         An invocation from the moment the event is handed over until its answer is there, and the processor time\n\
         of the whole process. A drain's time is that of its calls: it leaves a millisecond between them, since the\n\
         stub's application may call a thousand times a second. Within 15 s of the turn of a minute a lead without a\n\
         key claims what it says, which is a request more; it is measured there and away from there.\n\n\
         | function | event | p50 | p99 | processor | resident |\n|---|---|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let floor = floor_of(rows, row).context("no floor")?;
        let cell = |of: fn(&Warm) -> &Vec<Duration>| {
            with_ratio(&row.program, median(of(row)), median(of(floor)))
        };
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            row.program.name,
            row.load.label(),
            cell(|row| &row.p50),
            cell(|row| &row.p99),
            cell(|row| &row.cpu),
            megabytes(median(&row.memory)),
        )?;
    }
    text.push_str("\n![Processor time of an invocation](plots/processor.svg)\n");
    Ok(text)
}

/// The empty handler under the same load.
pub fn floor_of<'a>(rows: &'a [Warm], row: &Warm) -> Option<&'a Warm> {
    rows.iter()
        .find(|other| other.program.name == row.load.floor() && other.load == row.load)
}
