//! The plots, in SVG, each with the machine and the day.

mod bars;
mod lines;

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::style::RGBColor;

use self::bars::Bar;
use self::lines::{Chart, Line};
use super::{Measured, Provenance};
use crate::backlog::{Backlog, Way};
use crate::figures::median;
use crate::programs::Program;
use crate::rate::Rate;

const WIDTH: u32 = 860;
const INK: RGBColor = RGBColor(0x22, 0x2b, 0x36);
const FAINT: RGBColor = RGBColor(0xdd, 0xe2, 0xe8);
const OURS: RGBColor = RGBColor(0x1f, 0x6f, 0xb4);
const OTHER: RGBColor = RGBColor(0x9a, 0xa5, 0xb1);
const COLORS: [RGBColor; 4] = [
    OURS,
    RGBColor(0xc2, 0x5b, 0x12),
    RGBColor(0x2a, 0x8f, 0x57),
    INK,
];

fn plot_error(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("a plot could not be drawn: {error}")
}

pub fn draw(measured: &Measured, provenance: &Provenance, folder: &Path) -> Result<()> {
    let note = &format!("{}. {}", provenance.machine, provenance.when);
    let file = |name: &str| folder.join(name).with_extension("svg");
    let starts = measured.cold.iter().map(|row| {
        let value = median(&row.startups).as_secs_f64() * 1e3;
        bar(&row.program, row.program.name.to_owned(), value)
    });
    let title = "Start-up: from the start of the process to its first poll";
    bars::draw(&file("start-up"), title, note, &starts.collect::<Vec<_>>())?;
    let processor = measured.warm.iter().map(|row| {
        let label = format!("{}, {}", row.program.name, row.load.label());
        bar(&row.program, label, median(&row.cpu).as_secs_f64() * 1e3)
    });
    let title = "Processor time of a warm invocation";
    bars::draw(
        &file("processor"),
        title,
        note,
        &processor.collect::<Vec<_>>(),
    )?;
    lines::draw(&file("rate"), note, &rates(&measured.rates))?;
    lines::draw(&file("backlog"), note, &backlogs(&measured.backlogs))
}

fn bar(program: &Program, label: String, value: f64) -> Bar {
    let is_peer = program.name.contains(' ');
    Bar {
        label,
        value,
        color: if is_peer || program.name == program.floor {
            OTHER
        } else {
            OURS
        },
    }
}

/// Calls since the first, beside what the limit allows.
fn rates(rates: &[Rate]) -> Chart {
    let line = |rate: &Rate| Line {
        name: match rate.drains {
            1 => "1 drain".to_owned(),
            drains => format!("{drains} drains"),
        },
        points: rate
            .calls
            .iter()
            .enumerate()
            .map(|(count, at)| (at.as_secs_f64(), count as f64))
            .collect(),
    };
    let mut lines: Vec<_> = rates.iter().map(line).collect();
    let ends = lines.iter().filter_map(|line| line.points.last());
    let seconds = ends.map(|(at, _)| *at).fold(0.0, f64::max);
    let allowed = rates.first().map_or(0, |rate| rate.limits.per_second);
    lines.push(Line {
        name: "the limit".to_owned(),
        points: [0.0, seconds]
            .map(|at| (at, at * f64::from(allowed)))
            .into(),
    });
    Chart {
        title: "Calls at the sandbox since the first",
        x: "seconds",
        logarithmic: (false, false),
        lines,
    }
}

fn backlogs(backlogs: &[Backlog]) -> Chart {
    let ways = [
        (Way::Single, "one by one"),
        (Way::Naive, "naive loop"),
        (Way::SpillOver, "with spill-over"),
    ];
    let line = |(way, name): (Way, &str)| {
        let of = backlogs.iter().filter(|backlog| backlog.way == way);
        Line {
            name: name.to_owned(),
            points: of
                .map(|backlog| (f64::from(backlog.leads), backlog.calls as f64))
                .collect(),
        }
    };
    Chart {
        title: "Calls of a backlog, simulated",
        x: "leads",
        logarithmic: (true, true),
        lines: ways.map(line).into(),
    }
}
