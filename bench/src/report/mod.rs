//! Writes the report: figures in Markdown, their plots, and the README's table.

mod bill;
mod goals;
mod growth;
mod plots;
mod readme;
mod sandbox;
mod tables;

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::Effort;
use crate::backlog::Backlog;
use crate::cold::Cold;
use crate::emulated::Emulated;
use crate::growth::Row;
use crate::machine;
use crate::place::{bench_path, root};
use crate::programs::{NODE, PYTHON, Program};
use crate::rate::Rate;
use crate::warm::Warm;

/// Everything that was measured.
#[derive(Debug)]
pub struct Measured {
    pub effort: Effort,
    pub cold: Vec<Cold>,
    pub emulated: Vec<Emulated>,
    pub warm: Vec<Warm>,
    pub rates: Vec<Rate>,
    pub backlogs: Vec<Backlog>,
    pub growth: Vec<Row>,
}

/// The provenance printed with every figure.
pub struct Provenance {
    machine: String,
    versions: String,
    when: String,
}

/// Writes `bench/report.md`, its plots and the README's table; a quick run writes only to `.local/bench`.
pub fn write(measured: &Measured, quick: bool) -> Result<()> {
    let provenance = Provenance {
        machine: machine::machine()?,
        versions: machine::versions(&peers(measured))?,
        when: machine::when(),
    };
    let folder = if quick {
        root().join(".local/bench")
    } else {
        bench_path("")
    };
    let report = report(measured, &provenance)?;
    fs::create_dir_all(folder.join("plots"))?;
    fs::write(folder.join("report.md"), &report)?;
    plots::draw(measured, &provenance, &folder.join("plots"))?;
    println!("{report}");
    let table = readme::table(measured, &provenance)?;
    if quick {
        println!("{table}");
        return Ok(());
    }
    replace_in_file(&root().join("README.md"), &table)
}

fn peers(measured: &Measured) -> Vec<&Program> {
    let programs = measured.cold.iter().map(|row| &row.program);
    programs
        .filter(|program| [PYTHON, NODE].contains(&program.name))
        .collect()
}

fn report(measured: &Measured, provenance: &Provenance) -> Result<String> {
    let sections = [
        header(measured, provenance),
        goals::section(measured)?,
        tables::cold(&measured.cold)?,
        tables::emulated(&measured.emulated)?,
        tables::warm(&measured.warm)?,
        sandbox::rates(&measured.rates),
        sandbox::backlogs(&measured.backlogs),
        growth::section(&measured.growth)?,
        bill::requests(&measured.warm)?,
        bill::section(measured)?,
        bill::months(measured)?,
        fs::read_to_string(bench_path("tried.md"))?,
    ];
    Ok(sections.join("\n"))
}

fn header(measured: &Measured, provenance: &Provenance) -> String {
    let Effort {
        starts,
        rounds,
        invocations,
        ..
    } = measured.effort;
    let Provenance {
        machine,
        versions,
        when,
    } = provenance;
    format!(
        "# Measured\n\n\
         Made by `cargo run --profile measure -p leadfeed-bench`, which writes this page, its plots and the table of the\n\
         README. Every figure of this page is of one run.\n\n\
         | | |\n|---|---|\n| machine | {machine} |\n| versions | {versions} |\n| made | {when} |\n\n\
         Functions are built as `sam build` builds them, for this machine. Programs run one at a time and in turns;\n\
         AWS is a stub on the loopback that answers at once, so no network and no sandbox of Lambda's is in these\n\
         figures. Start-up and memory are medians of {starts} starts; warm figures are medians of {rounds} processes,\n\
         each under {invocations} invocations one after another. In brackets: times the empty handler of the same\n\
         build.\n"
    )
}

const BEGIN: &str = "<!-- measured -->\n";
const END: &str = "<!-- /measured -->\n";

/// Replaces the text between the marks.
fn replace_in_file(file: &Path, table: &str) -> Result<()> {
    let text = fs::read_to_string(file)?;
    let replaced = with_table(&text, table);
    Ok(fs::write(file, replaced.unwrap_or(text))?)
}

fn with_table(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some([before, BEGIN, table, END, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_between_the_marks_is_replaced() {
        let text = "a\n<!-- measured -->\nold\n<!-- /measured -->\nb\n";

        let new = with_table(text, "new\n").unwrap();

        assert_eq!(new, "a\n<!-- measured -->\nnew\n<!-- /measured -->\nb\n");
        assert_eq!(with_table("no marks", "new"), None);
    }

    #[test]
    fn readme_contains_the_marks_for_its_table() {
        let readme = fs::read_to_string(root().join("README.md")).unwrap();

        assert!(with_table(&readme, "").is_some());
    }
}
