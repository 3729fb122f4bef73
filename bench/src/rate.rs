//! Drains against the strict sandbox: several processes of the function on one application's limit, in real time.
//!
//! DynamoDB and Secrets Manager are MiniStack's, so that the drains really compete; the queue is simulated here.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use cc_sandbox::world::App;
use cc_sandbox::{Config, RunningSandbox, Sandbox};
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use leadfeed_local::progress::Progress;
use leadfeed_local::{MiniStack, tables};
use leadfeed_shared::domain::budget::Limits;
use leadfeed_shared::domain::task::Task;
use leadfeed_shared::domain::token::Tokens;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::Effort;
use crate::aws::{DIRECTORY, LEDGER};
use crate::lambda::Function;
use crate::programs::{Program, QUEUE_DRAIN};
use crate::stage::sdk;
use crate::world::{Remote, World, batch};

/// Numbers of concurrent drains.
pub const DRAINS: [usize; 3] = [1, 2, 5];
/// Leads per invocation, as in the template.
const BATCH: usize = 10;

/// One run.
#[derive(Debug)]
pub struct Rate {
    pub drains: usize,
    /// When the sandbox counted each call, since the first.
    pub calls: Vec<Duration>,
    pub throttled: usize,
    pub delivered: usize,
    pub limits: Limits,
}

impl Rate {
    /// The share of the calls allowed by the limit, from the first call to the last, that were made.
    pub fn share(&self) -> f64 {
        let took = self.calls.last().copied().unwrap_or_default();
        let made = self.calls.len().saturating_sub(1) as f64;
        made / (took.as_secs_f64() * f64::from(self.limits.per_second))
    }
}

pub async fn measure(
    programs: &[Program],
    effort: Effort,
    progress: &Progress,
) -> Result<Vec<Rate>> {
    let drain = programs.iter().find(|program| program.name == QUEUE_DRAIN);
    let drain = drain.context("no drain was built")?;
    let mut rates = Vec::new();
    for drains in DRAINS {
        rates.push(run(drain, drains, effort.leads, progress).await?);
    }
    Ok(rates)
}

async fn run(drain: &Program, drains: usize, leads: u32, progress: &Progress) -> Result<Rate> {
    let ministack = MiniStack::start_empty(progress).await?;
    let aws = ministack.aws()?;
    tables::create_tables(&aws, DIRECTORY, LEDGER).await?;
    let sandbox = sandbox().await?;
    let limits = Limits::default();
    let world = World::create(sdk(aws.endpoint()), remote(&sandbox, limits)?).await?;
    let queue = Mutex::new(VecDeque::from(world.queued(leads).await?));
    let urls = [
        ("AWS_ENDPOINT_URL", aws.endpoint().to_owned()),
        ("LEADFEED_CC_API_URL", format!("{}/v3", sandbox.url())),
        (
            "LEADFEED_CC_AUTH_URL",
            format!("{}/oauth2/default/v1", sandbox.url()),
        ),
    ];
    let start = async || {
        let mut command = drain.start(aws.endpoint());
        command.envs(urls.iter().cloned());
        Function::start(command).await
    };
    let functions = try_join_all((0..drains).map(|_| start())).await?;
    let name = format!("{drains} drains at the sandbox, {leads} leads");
    let step = progress.count(name, leads as usize);
    let work = functions
        .into_iter()
        .map(|function| invoke_until_empty(function, &queue));
    let work = try_join_all(work);
    let watch = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            step.at(sandbox.with(|lab| lab.journal.entries().len()));
        }
    };
    tokio::select! {
        done = work => { done?; }
        () = watch => {}
    }
    step.done();
    let rate = rate_from_journal(&sandbox, drains, limits)?;
    sandbox.shutdown().await;
    ensure!(
        rate.delivered == leads as usize,
        "{} of {leads} leads arrived",
        rate.delivered
    );
    Ok(rate)
}

/// Gives a function batches until none are left, as the queue's trigger does.
async fn invoke_until_empty(mut function: Function, queue: &Mutex<VecDeque<Task>>) -> Result<()> {
    loop {
        let tasks: Vec<_> = {
            let mut queue = queue.lock().await;
            let most = BATCH.min(queue.len());
            queue.drain(..most).collect()
        };
        if tasks.is_empty() {
            return function.kill().await;
        }
        let event = Bytes::from(batch(&tasks)?.to_string());
        let (_, answer) = function.invoke(&event).await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        ensure!(answer["batchItemFailures"] == json!([]), "{answer}");
    }
}

fn rate_from_journal(sandbox: &RunningSandbox, drains: usize, limits: Limits) -> Result<Rate> {
    sandbox.with(|lab| {
        let entries = lab.journal.entries().iter();
        let calls: Vec<_> = entries
            .filter(|call| call.path.starts_with("/v3"))
            .collect();
        let first = calls.first().context("no call was made")?.at;
        let since = |call: &&cc_sandbox::journal::Entry| {
            Duration::try_from(call.at.duration_since(first)).unwrap_or_default()
        };
        let with_status = |status| calls.iter().filter(move |call| call.status == Some(status));
        Ok(Rate {
            drains,
            throttled: with_status(429).count(),
            delivered: with_status(200).count() + with_status(201).count(),
            calls: calls.iter().map(since).collect(),
            limits,
        })
    })
}

async fn sandbox() -> Result<RunningSandbox> {
    let app = App::new(
        "client",
        "secret",
        vec!["https://leads.example/oauth/callback".into()],
    );
    let config = Config {
        apps: vec![app],
        ..Config::default()
    };
    Ok(Sandbox::start(config).await?)
}

/// Tokens of the first account, without its consent page.
fn remote(sandbox: &RunningSandbox, limits: Limits) -> Result<Remote> {
    let minted = sandbox.mint("client", "owner@harbor-bakery.example")?;
    let list = sandbox.with(|lab| lab.world.accounts[0].lists[0].id.to_string());
    Ok(Remote {
        tokens: Tokens {
            access: minted.access_token.into(),
            refresh: minted.refresh_token.context("no token")?.into(),
            expires_at: Timestamp::now() + SignedDuration::from_hours(23),
            scope: "contact_data account_read offline_access".into(),
        },
        list: list.parse()?,
        limits,
    })
}
