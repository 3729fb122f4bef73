//! Runs the functions under Lambda's runtime interface emulator and reads the durations it reports.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use leadfeed_local::{GuardedProcess, free_port};
use tempfile::{NamedTempFile, TempDir};
use tokio::net::TcpStream;

use crate::programs::Program;

/// How long the emulator may take to listen.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(10);

/// The emulator's report on one run of a program.
#[derive(Debug)]
pub struct Run {
    /// Duration of the first invocation, including the program's start.
    pub first: Duration,
    /// Duration of each of the others.
    pub warm: Vec<Duration>,
}

/// Starts a program under the emulator and invokes it with one event `times` times.
pub async fn run(
    emulator: &Path,
    program: &Program,
    aws: &str,
    event: &Bytes,
    times: u32,
) -> Result<Run> {
    let log = NamedTempFile::new()?;
    let scratch = TempDir::new()?.keep(); // removed by the guard
    let address = || anyhow::Ok(format!("127.0.0.1:{}", free_port()?));
    let (invoke_address, api_address) = (address()?, address()?);
    let running = GuardedProcess::start(&scratch, log.reopen()?, emulator, |command| {
        command
            .args(["--runtime-interface-emulator-address", &invoke_address])
            .args(["--runtime-api-address", &api_address])
            .args(&program.command)
            .env_clear()
            .envs(program.environment(aws));
    })?;
    tokio::time::timeout(LISTEN_TIMEOUT, wait_until_listening(&invoke_address))
        .await
        .context("the emulator does not listen")?;
    let url = format!("http://{invoke_address}/2015-03-31/functions/function/invocations");
    let client = reqwest::Client::builder().no_proxy().build()?;
    for _ in 0..times {
        let answer = client.post(&url).body(event.clone()).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{status}: {}", answer.text().await?);
        let body = answer.text().await?;
        let failed = body.contains("\"errorMessage\"");
        ensure!(!failed, "{} answered {body}", program.name);
    }
    drop(running);
    let mut durations = durations(&fs::read_to_string(log.path())?)?;
    ensure!(
        durations.len() == usize::try_from(times)?,
        "{} reports of {times} invocations",
        durations.len()
    );
    let warm = durations.split_off(1);
    Ok(Run {
        first: durations[0],
        warm,
    })
}

async fn wait_until_listening(address: &str) {
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The durations in the emulator's report lines, in order.
fn durations(log: &str) -> Result<Vec<Duration>> {
    let reports = log.lines().filter(|line| line.starts_with("REPORT "));
    reports
        .map(|line| {
            let field = line
                .split('\t')
                .find_map(|field| field.strip_prefix("Duration: "))
                .context("a report without a duration")?;
            let millis: f64 = field.trim_end_matches(" ms").trim().parse()?;
            Ok(Duration::from_secs_f64(millis / 1_000.0))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_yields_the_duration_not_the_init_or_billed_duration() {
        let log = "START RequestId: 1\nREPORT RequestId: 1\tInit Duration: 0.05 ms\t\
                   Duration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\n";

        assert_eq!(durations(log).unwrap(), [Duration::from_micros(12_500)]);
    }
}
