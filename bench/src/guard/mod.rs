//! Checks a build against the committed limits: the size of its archives, and how many instructions it takes.
//!
//! Instructions are counted by callgrind, whose counts are nearly the same wherever the same program runs; times are
//! not. An invocation's count is the difference between many and twice as many.

mod callgrind;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use axum::body::Bytes;
use leadfeed_local::progress::Progress;
use leadfeed_local::tools::on_path;
use serde::{Deserialize, Serialize};

use self::callgrind::count;
use crate::figures::{grouped, megabytes};
use crate::minute::Part;
use crate::place::bench_path;
use crate::programs::{self, LEAD_WEBHOOK, Program, QUEUE_DRAIN};
use crate::stage::Stage;
use crate::warm::Load;

/// An increase over the baseline by more than this is refused.
const ALLOWED_PERCENT: u64 = 5;
/// A decrease by this much suggests a new baseline, without refusing.
const WORTH_COMMITTING_PERCENT: u64 = 5;
/// Invocations of the shorter run.
const SHORT_RUN: u32 = 40;

/// `bench/guard.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Bounds {
    /// Maximum bytes of each function's archive.
    zipped: BTreeMap<String, u64>,
    /// By architecture and case.
    instructions: BTreeMap<String, BTreeMap<String, Instructions>>,
}

/// Callgrind's count for one case, in the program itself.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Instructions {
    start: u64,
    invocation: u64,
}

/// Counts, compares and reports; fails if something grew too much.
pub async fn run(programs: &[Program], accept: bool, progress: &Progress) -> Result<ExitCode> {
    let path = bench_path("guard.json");
    let mut bounds: Bounds = serde_json::from_slice(&fs::read(&path)?)?;
    let mut complaints = check_sizes(&bounds, programs)?;
    let counted = count_all(programs, progress).await?;
    let architecture = std::env::consts::ARCH;
    match (counted, bounds.instructions.get(architecture)) {
        (None, _) => eprintln!("NOT CHECKED: instruction counts, since there is no valgrind here"),
        (Some(counted), _) if accept => {
            bounds.instructions.insert(architecture.into(), counted);
            let text = serde_json::to_string_pretty(&bounds)?;
            fs::write(&path, text + "\n")?;
            println!("{} holds the new baseline", path.display());
        }
        (Some(_), None) => {
            eprintln!(
                "NOT CHECKED: instruction counts, since none are committed for {architecture}"
            );
        }
        (Some(counted), Some(baseline)) => complaints.extend(compare(baseline, &counted)),
    }
    for complaint in &complaints {
        eprintln!("TOO MUCH: {complaint}");
    }
    Ok(if complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn check_sizes(bounds: &Bounds, programs: &[Program]) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for program in programs
        .iter()
        .filter(|program| program.name != program.floor)
    {
        let bound = bounds.zipped.get(program.name).copied();
        let bound =
            bound.with_context(|| format!("guard.json has no bound of {}", program.name))?;
        let (_, zipped) = program.sizes()?;
        println!(
            "{}: {} of {}",
            program.name,
            megabytes(zipped),
            megabytes(bound)
        );
        if zipped > bound {
            complaints.push(format!(
                "the archive of {} has {} bytes, and may have {}",
                program.name,
                grouped(zipped),
                grouped(bound)
            ));
        }
    }
    Ok(complaints)
}

type Counted = BTreeMap<String, Instructions>;

/// `None` if valgrind is not installed.
async fn count_all(programs: &[Program], progress: &Progress) -> Result<Option<Counted>> {
    let Some(valgrind) = on_path("valgrind") else {
        return Ok(None);
    };
    let stage = Stage::prepare().await?;
    let cases = cases(programs, &stage).await?;
    let step = progress.count("counting instructions", cases.len());
    let mut counted = Counted::new();
    for (done, case) in cases.into_iter().enumerate() {
        step.say(&case.name);
        let counts = case.count(&valgrind, &stage).await?;
        counted.insert(case.name, counts);
        step.at(done + 1);
    }
    step.done();
    Ok(Some(counted))
}

/// A program and its input.
struct Case {
    name: String,
    program: Program,
    event: Bytes,
}

async fn cases(programs: &[Program], stage: &Stage) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for program in programs
        .iter()
        .filter(|program| program.name != program.floor)
    {
        let loads: &[Load] = match program.name {
            LEAD_WEBHOOK => &[Load::FormPost, Load::Json, Load::Webhook],
            QUEUE_DRAIN => &[Load::Batch(10)],
            _ => &[],
        };
        for load in loads {
            cases.push(Case {
                name: format!("{}, {}", program.name, load.label()),
                program: program.clone(),
                event: load.event(stage).await?,
            });
        }
        if loads.is_empty() {
            cases.push(Case {
                name: format!("{}, {}", program.name, program.event_label),
                program: program.clone(),
                event: Bytes::from(fs::read(programs::event(program.event))?),
            });
        }
    }
    Ok(cases)
}

impl Case {
    async fn count(&self, valgrind: &Path, stage: &Stage) -> Result<Instructions> {
        let aws = &stage.aws.url;
        Part::Middle.wait().await;
        let (short_run, long_run) = tokio::try_join!(
            count(valgrind, &self.program, aws, &self.event, SHORT_RUN),
            count(valgrind, &self.program, aws, &self.event, 2 * SHORT_RUN),
        )?;
        let invocation = long_run.saturating_sub(short_run) / u64::from(SHORT_RUN);
        Ok(Instructions {
            start: short_run.saturating_sub(invocation * u64::from(SHORT_RUN)),
            invocation,
        })
    }
}

/// Reports each case; returns complaints about what grew too much or is not in the baseline.
fn compare(baseline: &Counted, counted: &Counted) -> Vec<String> {
    let mut complaints = Vec::new();
    for (case, now) in counted {
        let Some(before) = baseline.get(case) else {
            complaints.push(format!(
                "{case} has no baseline: run the guard with --accept"
            ));
            continue;
        };
        // A start's count is what is left of a larger sum, and varies by 6 % from run to run: reported, not enforced.
        for (what, now, before, is_enforced) in [
            ("a start", now.start, before.start, false),
            ("an invocation", now.invocation, before.invocation, true),
        ] {
            let change = 100.0 * (now as f64 / before as f64 - 1.0);
            let summary = format!(
                "{case}: {} instructions for {what}, {change:+.1} %",
                grouped(now)
            );
            println!("{summary}");
            if is_enforced && now * 100 > before * (100 + ALLOWED_PERCENT) {
                complaints.push(format!("{summary}; {ALLOWED_PERCENT} % are allowed"));
            } else if is_enforced && now * 100 < before * (100 - WORTH_COMMITTING_PERCENT) {
                println!("  that is better: commit it with --accept");
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(start: u64, invocation: u64) -> Counted {
        Counted::from([("a case".to_owned(), Instructions { start, invocation })])
    }

    #[test]
    fn only_invocations_over_105_percent_of_the_baseline_are_rejected() {
        let baseline = counted(1_000, 100);

        assert_eq!(compare(&baseline, &counted(2_000, 105)), [] as [String; 0]);
        assert_eq!(compare(&baseline, &counted(1_000, 106)).len(), 1);
    }

    #[test]
    fn case_without_a_baseline_is_rejected() {
        assert_eq!(compare(&Counted::new(), &counted(1, 1)).len(), 1);
    }
}
