//! Measures warm programs under a repeated event.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use leadfeed_local::progress::Progress;
use serde_json::Value;

use crate::Effort;
use crate::aws::Counts;
use crate::figures::{median, quantile};
use crate::lambda::Function;
use crate::minute::Part;
use crate::programs::{
    self, EMPTY_EVENT, EMPTY_HTTP, LEAD_WEBHOOK, NODE, PYTHON, Program, QUEUE_DRAIN,
};
use crate::stage::Stage;

/// Invocations before the measured ones.
const WARM_UP: u32 = 20;

/// The repeated event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    FormPost,
    /// A form post at the turn of a minute.
    FormPostAtTurn,
    Json,
    Webhook,
    /// A batch of this many leads.
    Batch(u32),
}

impl Load {
    /// Leads per invocation.
    pub fn leads(self) -> u32 {
        match self {
            Self::Batch(size) => size,
            _ => 1,
        }
    }

    pub fn label(self) -> String {
        match self {
            Self::FormPost => "form post".to_owned(),
            Self::FormPostAtTurn => "form post at the turn of a minute".to_owned(),
            Self::Json => "JSON".to_owned(),
            Self::Webhook => "signed webhook".to_owned(),
            Self::Batch(1) => "batch of 1".to_owned(),
            Self::Batch(size) => format!("batch of {size}"),
        }
    }

    /// The empty handler to compare with.
    pub fn floor(self) -> &'static str {
        match self {
            Self::Batch(_) => EMPTY_EVENT,
            _ => EMPTY_HTTP,
        }
    }

    /// The part of a minute in which it is measured.
    fn part(self) -> Part {
        match self {
            Self::FormPostAtTurn => Part::Turn,
            _ => Part::Middle,
        }
    }

    /// A batch of a hundred takes the drain a tenth of a second, so fewer of them are measured.
    fn invocations(self, effort: Effort) -> u32 {
        match self {
            Self::Batch(size) if size > 10 => effort.invocations / 10,
            _ => effort.invocations,
        }
    }

    pub async fn event(self, stage: &Stage) -> Result<Bytes> {
        let sample = |name| Ok(Bytes::from(fs::read(programs::event(name))?));
        match self {
            Self::FormPost | Self::FormPostAtTurn => sample("lead-form-post"),
            Self::Json => sample("lead-json"),
            Self::Webhook => stage.webhook(),
            Self::Batch(size) => stage.batch(size).await,
        }
    }

    /// Whether this is the answer that the program should give.
    fn is_answer(self, program: &str, answer: &Value) -> bool {
        let status = &answer["statusCode"];
        match (self, program) {
            (_, EMPTY_HTTP) => *status == 200,
            (_, EMPTY_EVENT) => answer.is_null(),
            (Self::FormPost | Self::FormPostAtTurn, _) => *status == 303,
            (Self::Json | Self::Webhook, _) => *status == 202,
            (Self::Batch(_), _) => answer["batchItemFailures"] == Value::Array(Vec::new()),
        }
    }
}

/// What was measured of one program under one load; a sample per round.
#[derive(Debug)]
pub struct Warm {
    pub program: Program,
    pub load: Load,
    pub p50: Vec<Duration>,
    pub p99: Vec<Duration>,
    /// Processor time of one invocation.
    pub cpu: Vec<Duration>,
    pub memory: Vec<u64>,
    /// Requests of all invocations of the last round.
    pub requests: Counts,
    pub invocations: u32,
}

pub async fn measure(
    programs: &[Program],
    stage: &Stage,
    effort: Effort,
    progress: &Progress,
) -> Result<Vec<Warm>> {
    let mut rows = Vec::new();
    for load in [Load::FormPost, Load::Json, Load::Webhook] {
        let names = [EMPTY_HTTP, LEAD_WEBHOOK, PYTHON, NODE];
        rows.extend(rows_for(programs, &names, load, effort));
    }
    for load in [1, 10, 100].map(Load::Batch) {
        rows.extend(rows_for(
            programs,
            &[EMPTY_EVENT, QUEUE_DRAIN],
            load,
            effort,
        ));
    }
    let turn = Load::FormPostAtTurn;
    rows.extend(rows_for(
        programs,
        &[EMPTY_HTTP, LEAD_WEBHOOK],
        turn,
        effort,
    ));
    let step = progress.count("invoking again and again", effort.rounds);
    for round in 1..=effort.rounds {
        for row in &mut rows {
            step.say(&format!("{}: {}", row.program.name, row.load.label()));
            row.load.part().wait().await;
            row.measure(stage).await?;
        }
        step.at(round);
    }
    step.done();
    Ok(rows)
}

/// A row for each of these programs that exists.
fn rows_for(programs: &[Program], names: &[&str], load: Load, effort: Effort) -> Vec<Warm> {
    let named = |name: &&str| programs.iter().find(|program| program.name == *name);
    let new_row = |program: &Program| Warm {
        program: program.clone(),
        load,
        p50: Vec::new(),
        p99: Vec::new(),
        cpu: Vec::new(),
        memory: Vec::new(),
        requests: Counts::new(),
        invocations: load.invocations(effort),
    };
    names.iter().filter_map(named).map(new_row).collect()
}

impl Warm {
    async fn measure(&mut self, stage: &Stage) -> Result<()> {
        let event = self.load.event(stage).await?;
        let mut function = Function::start(self.program.start(&stage.aws.url)).await?;
        for _ in 0..WARM_UP.min(self.invocations) {
            let (_, answer) = function.invoke(&event).await?;
            let answer: Value = serde_json::from_slice(&answer)?;
            let is_expected = self.load.is_answer(self.program.name, &answer);
            ensure!(is_expected, "{} answered {answer}", self.program.name);
        }
        stage.aws.take_counts();
        let before = function.cpu()?;
        let mut times = Vec::new();
        for _ in 0..self.invocations {
            times.push(function.invoke(&event).await?.0);
        }
        self.cpu.push((function.cpu()? - before) / self.invocations);
        self.p50.push(median(&times));
        self.p99.push(quantile(&times, 99).context("no times")?);
        self.memory.push(function.peak_memory()?);
        self.requests = stage.aws.take_counts();
        function.kill().await
    }
}
