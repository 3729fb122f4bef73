//! Measures each function beside an empty handler of the same build: size, start-up, memory, warm invocations.
//!
//! A stand-in for the Lambda runtime API starts the programs one at a time, in turns; AWS is a stub on the loopback
//! that answers at once. So the figures are what the programs themselves take, without network and without the
//! sandbox that Lambda makes around them. Prints a table in Markdown and writes it to `bench/results.md`.

mod aws;
mod figures;
mod lambda;
mod programs;
mod report;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use serde_json::Value;

use self::aws::{Aws, Counts};
use self::figures::{median, quantile};
use self::lambda::Function;
use self::programs::{EMPTY_HTTP, LEAD_WEBHOOK, PROGRAMS};

const STARTS: usize = 21;
const ROUNDS: usize = 7;
const INVOCATIONS: u32 = 300;
const WARM_UP: u32 = 20;

/// A program at rest and at its start.
struct Cold {
    name: &'static str,
    floor: &'static str,
    unzipped: u64,
    zipped: u64,
    startups: Vec<Duration>,
    memory: Vec<u64>,
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
    let warm = warm(&folder, &aws).await?;
    let report = report::markdown(&cold, &warm)?;
    fs::write(programs::root().join("bench/results.md"), &report)?;
    println!("{report}");
    Ok(())
}

async fn cold(folder: &Path, aws: &Aws) -> Result<Vec<Cold>> {
    let mut rows = Vec::new();
    for (name, floor) in PROGRAMS {
        let (unzipped, zipped) = programs::sizes(&folder.join(name))?;
        rows.push(Cold {
            name,
            floor,
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
                Function::start(&folder.join(row.name), &programs::environment(aws)).await?;
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
        let file = format!("events/{}.json", self.event);
        let event = Bytes::from(fs::read(programs::root().join(file))?);
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
