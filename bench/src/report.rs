//! The figures as Markdown.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::figures::{median, megabytes, millis};
use crate::programs::{EMPTY_HTTP, LEAD_WEBHOOK};
use crate::{
    Cold, EMULATED_INVOCATIONS, EMULATED_STARTS, Emulated, INVOCATIONS, ROUNDS, STARTS, Warm,
};

/// The whole of `bench/results.md`.
pub fn markdown(cold: &[Cold], emulated: &[Emulated], warm: &[Warm]) -> Result<String> {
    let mut text = String::from("# Measured\n\n");
    writeln!(
        text,
        "By `cargo run --release -p leadfeed-bench` on {}.\n\
         Release profile; AWS is a stub on the loopback that answers at once, so no network is in these figures.\n\
         Start-up and memory are medians of {STARTS} interleaved starts; warm figures are medians of {ROUNDS} \
         interleaved rounds\nof {INVOCATIONS} invocations one after another. In brackets: times the empty handler \
         of the same build.\n",
        machine()?
    )?;
    cold_table(&mut text, cold)?;
    emulated_table(&mut text, emulated)?;
    warm_table(&mut text, warm)?;
    requests(&mut text, warm)?;
    Ok(text)
}

fn cold_table(text: &mut String, rows: &[Cold]) -> Result<()> {
    text.push_str(
        "| function | zipped | unzipped | start-up: process start to first poll | peak resident by then |\n\
         |---|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let floor = rows
            .iter()
            .find(|other| other.program.name == row.program.floor)
            .context("no floor")?;
        let startup = median(&row.startups);
        let memory = median(&row.memory);
        let (start_times, memory_times) = if row.program.name == row.program.floor {
            (String::new(), String::new())
        } else {
            (
                times(startup, median(&floor.startups)),
                bytes_times(memory, median(&floor.memory)),
            )
        };
        writeln!(
            text,
            "| `{}` | {} | {} | {}{start_times} | {}{memory_times} |",
            row.program.name,
            megabytes(row.zipped),
            megabytes(row.unzipped),
            millis(startup),
            megabytes(memory),
        )?;
    }
    text.push('\n');
    Ok(())
}

fn emulated_table(text: &mut String, rows: &[Emulated]) -> Result<()> {
    writeln!(
        text,
        "Under Lambda's runtime interface emulator, as it reports: medians of {EMULATED_STARTS} starts, and of {} \
         invocations after each.\n\n\
         | function | event | first invocation, start included | warm |\n|---|---|--:|--:|",
        EMULATED_INVOCATIONS - 1
    )?;
    for row in rows {
        let floor = rows
            .iter()
            .find(|other| other.program.name == row.program.floor)
            .context("no floor")?;
        let ratio = |of: fn(&Emulated) -> &Vec<Duration>| {
            let own = median(of(row));
            let ratio = if row.program.name == row.program.floor {
                String::new()
            } else {
                times(own, median(of(floor)))
            };
            format!("{}{ratio}", millis(own))
        };
        writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            row.program.name,
            row.program.says,
            ratio(|row| &row.first),
            ratio(|row| &row.warm),
        )?;
    }
    text.push('\n');
    Ok(())
}

fn warm_table(text: &mut String, rows: &[Warm]) -> Result<()> {
    text.push_str(
        "| warm | event | p50 | p99 | processor time | peak resident |\n|---|---|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let floor = rows
            .iter()
            .find(|other| other.program == EMPTY_HTTP && other.event == row.event)
            .context("no floor")?;
        let ratio = |of: fn(&Warm) -> &Vec<Duration>| {
            let own = median(of(row));
            let ratio = match row.program {
                EMPTY_HTTP => String::new(),
                _ => times(own, median(of(floor))),
            };
            format!("{}{ratio}", millis(own))
        };
        writeln!(
            text,
            "| `{}` | `{}` | {} | {} | {} | {} |",
            row.program,
            row.event,
            ratio(|row| &row.p50),
            ratio(|row| &row.p99),
            ratio(|row| &row.cpu),
            megabytes(median(&row.memory)),
        )?;
    }
    text.push('\n');
    Ok(())
}

fn requests(text: &mut String, rows: &[Warm]) -> Result<()> {
    let row = rows
        .iter()
        .find(|row| row.program == LEAD_WEBHOOK)
        .context("not measured")?;
    let each: Vec<_> = row
        .requests
        .iter()
        .map(|(operation, count)| {
            format!(
                "{:.2} {operation}",
                f64::from(*count) / f64::from(INVOCATIONS)
            )
        })
        .collect();
    ensure!(!each.is_empty(), "the stub was never asked");
    writeln!(
        text,
        "Requests of a warm `lead-webhook` per lead, counted on the wire: {}.",
        each.join(", ")
    )?;
    Ok(())
}

fn times(own: Duration, floor: Duration) -> String {
    format!(" ({:.1}×)", own.as_secs_f64() / floor.as_secs_f64())
}

fn bytes_times(own: u64, floor: u64) -> String {
    let tenths = (own * 10 + floor / 2) / floor.max(1);
    format!(" ({}.{}×)", tenths / 10, tenths % 10)
}

/// Cores, architecture, compiler and day.
fn machine() -> Result<String> {
    let cores = std::thread::available_parallelism()?;

    let day = jiff::Timestamp::now().strftime("%Y-%m-%d");
    let rustc = Command::new("rustc").arg("--version").output()?.stdout;
    let rustc = String::from_utf8(rustc)?;
    let rustc = rustc.split(" (").next().unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    let architecture = std::env::consts::ARCH;
    Ok(format!(
        "{cores} cores, {architecture}, {rustc}, load {load} at the end, {day}"
    ))
}
