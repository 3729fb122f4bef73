//! Benchmarks Leadfeed against an empty handler, and against what a user would write instead.
//!
//! Programs are started in turns, one at a time, on two hosts: a stub of the Lambda runtime API, which sees each poll,
//! and Lambda's own runtime interface emulator. AWS is a stub on the loopback interface that answers at once. So the
//! figures are the programs' own, without network and without Lambda's sandbox around them. Drains run against the
//! strict Constant Contact sandbox in real time; what would take days is simulated.
//!
//! Writes `bench/report.md`, its plots and the README's table; `guard` checks a build against the committed limits.

mod aws;
mod backlog;
mod build;
mod cold;
mod cost;
mod emulated;
mod emulator;
mod figures;
mod growth;
mod guard;
mod lambda;
mod machine;
mod minute;
mod peers;
mod place;
mod programs;
mod rate;
mod report;
mod stage;
mod warm;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use leadfeed_local::progress::Progress;
use tokio::signal::unix::{SignalKind, signal};

use self::backlog::Backlog;
use self::growth::Row;
use self::programs::Program;
use self::report::Measured;
use self::stage::Stage;

/// Measures the functions and writes bench/report.md
#[derive(Debug, Parser)]
struct Options {
    /// A few repetitions only, into .local/bench instead of the committed report
    #[arg(long)]
    quick: bool,
    /// Measure what is built already, as FOLDER/<name>/bootstrap, instead of building it
    #[arg(long, value_name = "FOLDER", global = true)]
    built: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hold sizes and instruction counts of a build against bench/guard.json
    Guard {
        /// Make what is counted now the committed baseline
        #[arg(long)]
        accept: bool,
    },
}

/// How often measurements are repeated.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Starts of each program.
    pub starts: usize,
    /// Starts of each program under the emulator.
    pub emulated: usize,
    /// Processes of each program under load.
    pub rounds: usize,
    /// Invocations of each process, one after another.
    pub invocations: u32,
    /// Leads that drains send to the sandbox.
    pub leads: u32,
    /// Leads of the simulated backlogs.
    pub backlogs: &'static [u32],
    /// Customers and leads of the simulated days.
    pub growth: &'static [(u32, u32)],
}

const WHOLE: Effort = Effort {
    starts: 21,
    emulated: 7,
    rounds: 7,
    invocations: 200,
    leads: 160,
    backlogs: &[1_000, 10_000, 100_000],
    growth: &[
        (10, 1_000),
        (1_000, 1_000),
        (10_000, 1_000),
        (10, 100_000),
        (1_000, 100_000),
        (10_000, 100_000),
        (1_000, 1_000_000),
        (10_000, 1_000_000),
    ],
};
const QUICK: Effort = Effort {
    starts: 5,
    emulated: 2,
    rounds: 2,
    invocations: 60,
    leads: 40,
    backlogs: &[1_000],
    growth: &[(10, 1_000), (1_000, 1_000)],
};

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let progress = Progress::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let work = async {
        let programs = match &options.built {
            Some(folder) => build::at(folder),
            None => build::release(options.command.is_none(), &progress).await?,
        };
        match options.command {
            Some(Command::Guard { accept }) => guard::run(&programs, accept, &progress).await,
            None => measure(programs, options.quick, &progress)
                .await
                .map(|()| ExitCode::SUCCESS),
        }
    };
    // Stopping this program also stops those it has started.
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(130)),
        _ = terminate.recv() => Ok(ExitCode::from(143)),
    }
}

/// Simulates first: a failure there wastes no measurements, and these are fresh when they are written.
async fn measure(mut programs: Vec<Program>, quick: bool, progress: &Progress) -> Result<()> {
    let effort = if quick { QUICK } else { WHOLE };
    let (backlogs, growth) = simulate(effort, progress).await?;
    programs.extend(peers::install(progress).await?);
    let stage = Stage::prepare().await?;
    let measured = Measured {
        effort,
        cold: cold::measure(&programs, &stage, effort, progress).await?,
        emulated: emulated::measure(&programs, &stage, effort, progress).await?,
        warm: warm::measure(&programs, &stage, effort, progress).await?,
        rates: rate::measure(&programs, effort, progress).await?,
        backlogs,
        growth,
    };
    report::write(&measured, quick)
}

/// Simulates on a thread of its own, so that the program can be stopped meanwhile.
async fn simulate(effort: Effort, progress: &Progress) -> Result<(Vec<Backlog>, Vec<Row>)> {
    let bars = progress.clone();
    let simulated = tokio::task::spawn_blocking(move || {
        let backlogs = backlog::measure(effort, &bars)?;
        Ok((backlogs, growth::measure(effort, &bars)))
    });
    simulated.await?
}
