//! Measures programs under Lambda's runtime interface emulator.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use axum::body::Bytes;
use leadfeed_local::progress::Progress;
use leadfeed_local::tools::runtime_emulator;

use crate::Effort;
use crate::emulator;
use crate::figures::median;
use crate::programs::{self, Program};
use crate::stage::Stage;

/// Invocations after each start, the first included.
pub const INVOCATIONS: u32 = 51;

/// The emulator's report on one program; a sample per start.
#[derive(Debug)]
pub struct Emulated {
    pub program: Program,
    /// The first invocation, including the program's start.
    pub first: Vec<Duration>,
    /// The median of the others.
    pub warm: Vec<Duration>,
}

pub async fn measure(
    programs: &[Program],
    stage: &Stage,
    effort: Effort,
    progress: &Progress,
) -> Result<Vec<Emulated>> {
    let emulator = runtime_emulator(progress).await?;
    let new_row = |program: &Program| Emulated {
        program: program.clone(),
        first: Vec::new(),
        warm: Vec::new(),
    };
    let url = &stage.aws.url;
    let mut rows: Vec<_> = programs.iter().map(new_row).collect();
    let step = progress.count("under the runtime interface emulator", effort.emulated);
    for round in 1..=effort.emulated {
        for row in &mut rows {
            step.say(row.program.name);
            let event = Bytes::from(fs::read(programs::event(row.program.event))?);
            let run = emulator::run(&emulator, &row.program, url, &event, INVOCATIONS).await?;
            row.first.push(run.first);
            row.warm.push(median(&run.warm));
        }
        step.at(round);
    }
    step.done();
    Ok(rows)
}
