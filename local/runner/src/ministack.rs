//! MiniStack: the AWS services of the local stack, with IAM enforced and a state of its own.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::aws::{Aws, REGION, ROOT_KEY};
use crate::checkout::Checkout;
use crate::guard::{GuardedProcess, tail};
use crate::progress::Progress;
use crate::venv::Venv;

const START_ATTEMPTS: usize = 3;
const START_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_LOGS: usize = 10;

/// A running MiniStack. Dropping it ends it, its functions and its state.
#[derive(Debug)]
pub struct MiniStack {
    process: GuardedProcess,
    log: PathBuf,
    port: u16,
}

enum Start {
    Up(MiniStack),
    PortTaken,
}

impl MiniStack {
    /// Starts an empty one.
    pub async fn start_empty(progress: &Progress) -> Result<Self> {
        let checkout = Checkout::locate()?;
        let venv = Venv::ready(&checkout, progress, "ministack").await?;
        Self::start(&checkout, progress, &venv).await
    }

    /// Starts one on a free port.
    pub async fn start(checkout: &Checkout, progress: &Progress, venv: &Venv) -> Result<Self> {
        let step = progress.step("starting MiniStack");
        for _ in 0..START_ATTEMPTS {
            if let Start::Up(ministack) = Self::start_once(checkout, venv).await? {
                step.done();
                return Ok(ministack);
            }
        }
        bail!("MiniStack found no free port in {START_ATTEMPTS} tries")
    }

    async fn start_once(checkout: &Checkout, venv: &Venv) -> Result<Start> {
        let port = free_port()?;
        let state = TempDir::new_in(checkout.local_folder("run")?)?.keep(); // removed by the guard, which outlives us
        let log = log_file(checkout, port)?;
        let python = venv.program("python");
        let process = GuardedProcess::start(&state, File::create(&log)?, &python, |command| {
            command
                .args(["-m", "ministack"])
                .current_dir(&state)
                .env_clear();
            command.envs(environment(&state, port));
        })?;
        let mut ministack = Self { process, log, port };
        let deadline = Instant::now() + START_TIMEOUT;
        // Its own log is proof, the port is not: another program may have taken that first.
        while !ministack
            .log()
            .contains(&format!("Running on http://127.0.0.1:{port}"))
        {
            if let Some(status) = ministack.process.exited()? {
                if ministack.log().contains("already in use") {
                    return Ok(Start::PortTaken);
                }
                bail!(
                    "MiniStack ended with {status}\n{}",
                    tail(&ministack.log(), 20)
                );
            }
            if Instant::now() > deadline {
                bail!(
                    "MiniStack did not start within {START_TIMEOUT:?}\n{}",
                    tail(&ministack.log(), 20)
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Start::Up(ministack))
    }

    /// A client of its endpoint.
    pub fn aws(&self) -> Result<Aws> {
        Aws::at(format!("http://127.0.0.1:{}", self.port))
    }

    /// What it and the functions have logged so far.
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

fn environment(state: &Path, port: u16) -> Vec<(&'static str, String)> {
    let folder = state.display().to_string();
    vec![
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("HOME", folder.clone()),
        ("TMPDIR", folder.clone()),
        ("STATE_DIR", format!("{folder}/state")),
        ("S3_DATA_DIR", format!("{folder}/s3")),
        ("AUTH", "true".to_owned()),
        ("BIND_HOST", "127.0.0.1".to_owned()),
        ("GATEWAY_PORT", port.to_string()),
        // It passes these on to the functions, but replaces the credentials with those of their roles.
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ROOT_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", ROOT_KEY.to_owned()),
    ]
}

/// A free port of the loopback interface.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

fn log_file(checkout: &Checkout, port: u16) -> Result<PathBuf> {
    let folder = checkout.local_folder("log")?;
    let mut logs: Vec<_> = fs::read_dir(&folder)?.filter_map(Result::ok).collect();
    logs.sort_by_key(|entry| {
        std::cmp::Reverse(entry.metadata().and_then(|meta| meta.modified()).ok())
    });
    for old in logs.iter().skip(MAX_LOGS) {
        if let Err(error) = fs::remove_file(old.path()) {
            eprintln!("an old log stays: {error}");
        }
    }
    Ok(folder.join(format!("ministack-{port}.log")))
}
