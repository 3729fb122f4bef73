//! Cold starts: package size, start-up time and memory.

use std::time::Duration;

use anyhow::Result;
use leadfeed_local::progress::Progress;

use crate::Effort;
use crate::lambda::Function;
use crate::programs::Program;
use crate::stage::Stage;

/// What was measured of one program; a sample per start.
#[derive(Debug)]
pub struct Cold {
    pub program: Program,
    pub unzipped: u64,
    pub zipped: u64,
    /// From the start of the process to its first poll.
    pub startups: Vec<Duration>,
    /// Resident memory at that point.
    pub memory: Vec<u64>,
}

/// Starts each program as often as requested, after one start that only loads it into the page cache.
pub async fn measure(
    programs: &[Program],
    stage: &Stage,
    effort: Effort,
    progress: &Progress,
) -> Result<Vec<Cold>> {
    let mut rows = Vec::new();
    for program in programs {
        let (unzipped, zipped) = program.sizes()?;
        rows.push(Cold {
            program: program.clone(),
            unzipped,
            zipped,
            startups: Vec::new(),
            memory: Vec::new(),
        });
    }
    let step = progress.count("starting each program in turns", effort.starts);
    for round in 0..=effort.starts {
        for row in &mut rows {
            step.say(row.program.name);
            let function = Function::start(row.program.start(&stage.aws.url)).await?;
            if round > 0 {
                row.startups.push(function.startup);
                row.memory.push(function.peak_memory()?);
            }
            function.kill().await?;
        }
        step.at(round);
    }
    step.done();
    Ok(rows)
}
