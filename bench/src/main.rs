//! Measures each function beside an empty handler of the same build: size, start-up, memory, warm invocations.
//!
//! Two hosts start the programs one at a time, in turns: a stand-in for the Lambda runtime API, which sees each poll,
//! and Lambda's own runtime interface emulator. AWS is a stub on the loopback that answers at once. So the figures
//! are what the programs themselves take, without network and without the sandbox that Lambda makes around them.
//! Prints tables in Markdown and writes them to `bench/results.md`.

mod aws;
mod emulator;
mod figures;
mod lambda;
mod programs;
mod report;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use leadfeed_local::progress::Progress;
use leadfeed_local::tools::runtime_emulator;
use serde_json::Value;

use self::aws::{Aws, Counts};
use self::figures::{median, quantile};
use self::lambda::Function;
use self::programs::{EMPTY_HTTP, LEAD_WEBHOOK, PROGRAMS, Program};

const STARTS: usize = 21;
const ROUNDS: usize = 7;
const INVOCATIONS: u32 = 300;
const WARM_UP: u32 = 20;
const EMULATED_STARTS: usize = 11;
const EMULATED_INVOCATIONS: u32 = 51;

/// A program at rest and at its start.
struct Cold {
    program: Program,
    unzipped: u64,
    zipped: u64,
    startups: Vec<Duration>,
    memory: Vec<u64>,
}

/// A program under the runtime interface emulator; one sample per start.
struct Emulated {
    program: Program,
    first: Vec<Duration>,
    warm: Vec<Duration>,
}

/// A program under an event that comes again and again; one sample per round.
struct Warm {
    program: &'static str,
    event: &'static str,
    status: u64,
    p50: Vec<Duration>,
    p99: Vec<Duration>,
    cpu: Vec<Duration>,
    memory: Vec<u64>,
    requests: Counts,
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = programs::build()?;
    let aws = Aws::start().await?;
    let cold = cold(&folder, &aws).await?;
    let emulated = emulated(&folder, &aws).await?;
    let warm = warm(&folder, &aws).await?;
    let report = report::markdown(&cold, &emulated, &warm)?;
    fs::write(programs::root().join("bench/results.md"), &report)?;
    println!("{report}");
    Ok(())
}

async fn cold(folder: &Path, aws: &Aws) -> Result<Vec<Cold>> {
    let mut rows = Vec::new();
    for program in PROGRAMS {
        let (unzipped, zipped) = programs::sizes(&folder.join(program.name))?;
        rows.push(Cold {
            program,
            unzipped,
            zipped,
            startups: Vec::new(),
            memory: Vec::new(),
        });
    }
    for round in 0..=STARTS {
        eprintln!("starting each program: {round} of {STARTS}");
        for row in &mut rows {
            let function =
                Function::start(&folder.join(row.program.name), &programs::environment(aws))
                    .await?;
            if round > 0 {
                // the first only brings the programs into the page cache
                row.startups.push(function.startup);
                row.memory.push(function.peak_memory()?);
            }
            function.end().await?;
        }
    }
    Ok(rows)
}

async fn emulated(folder: &Path, aws: &Aws) -> Result<Vec<Emulated>> {
    let emulator = runtime_emulator(&Progress::new()).await?;
    let mut rows = PROGRAMS.map(|program| Emulated {
        program,
        first: Vec::new(),
        warm: Vec::new(),
    });
    for round in 1..=EMULATED_STARTS {
        eprintln!("under the emulator: {round} of {EMULATED_STARTS}");
        for row in &mut rows {
            let run = emulator::run(
                &emulator,
                &folder.join(row.program.name),
                &programs::environment(aws),
                &programs::event(row.program.event),
                EMULATED_INVOCATIONS,
            )
            .await?;
            row.first.push(run.first);
            row.warm.push(median(&run.warm));
        }
    }
    Ok(rows.into())
}

async fn warm(folder: &Path, aws: &Aws) -> Result<Vec<Warm>> {
    let mut rows = [
        (EMPTY_HTTP, "lead-form-post", 200),
        (LEAD_WEBHOOK, "lead-form-post", 303),
        (EMPTY_HTTP, "lead-json", 200),
        (LEAD_WEBHOOK, "lead-json", 202),
    ]
    .map(|(program, event, status)| Warm {
        program,
        event,
        status,
        p50: Vec::new(),
        p99: Vec::new(),
        cpu: Vec::new(),
        memory: Vec::new(),
        requests: Counts::new(),
    });
    for round in 1..=ROUNDS {
        eprintln!("invoking: {round} of {ROUNDS}");
        for row in &mut rows {
            let program = folder.join(row.program);
            let function = Function::start(&program, &programs::environment(aws)).await?;
            row.measure(function, aws).await?;
        }
    }
    Ok(rows.into())
}

impl Warm {
    async fn measure(&mut self, mut function: Function, aws: &Aws) -> Result<()> {
        let event = Bytes::from(fs::read(programs::event(self.event))?);
        for _ in 0..WARM_UP {
            let (_, answer) = function.invoke(&event).await?;
            let answer: Value = serde_json::from_slice(&answer)?;
            ensure!(answer["statusCode"] == self.status, "answered {answer}");
        }
        aws.take_counts();
        let before = function.cpu()?;
        let mut times = Vec::new();
        for _ in 0..INVOCATIONS {
            times.push(function.invoke(&event).await?.0);
        }
        self.cpu.push((function.cpu()? - before) / INVOCATIONS);
        self.p50.push(median(&times));
        self.p99.push(quantile(&times, 99).context("no times")?);
        self.memory.push(function.peak_memory()?);
        self.requests = aws.take_counts();
        function.end().await
    }
}
