//! The measured programs: the functions, the empty handlers as their floor, and the same intake in other languages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::aws::{DIRECTORY, LEDGER};
use crate::place::root;

pub const EMPTY_HTTP: &str = "empty-http";
pub const EMPTY_EVENT: &str = "empty-event";
pub const LEAD_WEBHOOK: &str = "lead-webhook";
pub const QUEUE_DRAIN: &str = "queue-drain";
pub const PYTHON: &str = "lead-webhook in Python";
pub const NODE: &str = "lead-webhook in Node.js";

/// One of our programs, its empty handler (for an empty handler, itself), and a sample event that it answers using the
/// stub.
#[derive(Debug, Clone, Copy)]
pub struct Ours {
    pub name: &'static str,
    pub floor: &'static str,
    pub event: &'static str,
    /// A description of the event for the table.
    pub event_label: &'static str,
}

const fn ours(
    name: &'static str,
    floor: &'static str,
    event: &'static str,
    event_label: &'static str,
) -> Ours {
    Ours {
        name,
        floor,
        event,
        event_label,
    }
}

pub const OURS: [Ours; 7] = [
    ours(EMPTY_HTTP, EMPTY_HTTP, "lead-json", "any request"),
    ours(LEAD_WEBHOOK, EMPTY_HTTP, "lead-json", "a lead as JSON"),
    ours(
        "oauth-callback",
        EMPTY_HTTP,
        "oauth-connect",
        "a connect page",
    ),
    ours(
        "admin-api",
        EMPTY_HTTP,
        "admin-get-health",
        "the stack's health",
    ),
    ours(EMPTY_EVENT, EMPTY_EVENT, "schedule", "any event"),
    ours(
        QUEUE_DRAIN,
        EMPTY_EVENT,
        "queue-batch",
        "a lead that is gone and a message nobody can read",
    ),
    ours(
        "scheduler",
        EMPTY_EVENT,
        "schedule",
        "a minute with nothing due",
    ),
];

/// A program that can be started.
#[derive(Debug, Clone)]
pub struct Program {
    pub name: &'static str,
    pub floor: &'static str,
    pub event: &'static str,
    pub event_label: &'static str,
    /// The program and its arguments.
    pub command: Vec<PathBuf>,
    /// What it needs in addition to Lambda's variables.
    pub environment: Vec<(&'static str, String)>,
    /// The contents of its archive: the program, or what its runtime starts.
    pub packed: Vec<PathBuf>,
}

impl Program {
    /// One of our programs, in the folder it was built into.
    pub fn ours(ours: Ours, folder: &Path) -> Self {
        let program = folder.join(ours.name).join("bootstrap");
        let program = std::path::absolute(&program).unwrap_or(program);
        Self {
            name: ours.name,
            floor: ours.floor,
            event: ours.event,
            event_label: ours.event_label,
            packed: vec![program.clone()],
            command: vec![program],
            environment: Vec::new(),
        }
    }

    /// The command, with only the environment that Lambda and the template give a function.
    pub fn start(&self, aws: &str) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        command.env_clear().envs(self.environment(aws));
        command
    }

    pub fn environment(&self, aws: &str) -> Vec<(&'static str, String)> {
        let mut environment = environment(aws);
        environment.extend(self.environment.iter().cloned());
        environment
    }

    /// Bytes unzipped, and of the archive for Lambda, made with the same library as SAM's.
    pub fn sizes(&self) -> Result<(u64, u64)> {
        let folder = tempfile::tempdir()?;
        let zip = folder.path().join("function.zip");
        let mut command = Command::new("python3");
        command
            .args(["-m", "zipfile", "-c"])
            .arg(&zip)
            .args(&self.packed);
        let status = command.status().context("needs python3")?;
        ensure!(status.success(), "no archive of {}", self.name);
        let unzipped: u64 = self
            .packed
            .iter()
            .map(|path| bytes(path))
            .sum::<Result<_>>()?;
        Ok((unzipped, fs::metadata(&zip)?.len()))
    }
}

fn bytes(path: &Path) -> Result<u64> {
    if path.is_file() {
        return Ok(fs::metadata(path)?.len());
    }
    let mut all = 0;
    for entry in fs::read_dir(path)? {
        all += bytes(&entry?.path())?;
    }
    Ok(all)
}

/// The path of a sample event.
pub fn event(name: &str) -> PathBuf {
    root().join("events").join(name).with_extension("json")
}

/// All endpoints are at one address.
fn environment(url: &str) -> Vec<(&'static str, String)> {
    let queue = format!("{url}/123456789012/leads"); // where the JavaScript SDK sends to
    let dead_letters = format!("{url}/123456789012/dead-letters");
    [
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", url),
        ("LEADFEED_STACK", "bench"),
        ("LEADFEED_DIRECTORY_TABLE", DIRECTORY),
        ("LEADFEED_LEDGER_TABLE", LEDGER),
        ("LEADFEED_QUEUE_URL", &queue),
        ("LEADFEED_DEAD_LETTERS_URL", &dead_letters),
        ("LEADFEED_OLDEST_LEAD_ALARM", "7200"),
        ("LEADFEED_QUARANTINE_ALARM", "100"),
        ("LEADFEED_SECRET_PREFIX", "leadfeed/bench"),
        ("LEADFEED_PUBLIC_URL", "https://leads.engines.example"),
        ("LEADFEED_CC_API_URL", url),
        ("LEADFEED_CC_AUTH_URL", url),
        ("LEADFEED_PKCE", "off"),
        ("LEADFEED_SERVICE_NAME", "Leadfeed"),
        ("LEADFEED_EVENT_BUS", "default"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}
