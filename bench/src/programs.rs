//! What is measured: the functions, and the empty handlers that are their floor.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::aws::{Aws, DIRECTORY};

pub const EMPTY_HTTP: &str = "empty-http";
pub const EMPTY_EVENT: &str = "empty-event";
pub const LEAD_WEBHOOK: &str = "lead-webhook";

/// A program, the empty handler beside it (a floor's is itself), and a sample event that it answers with the stub.
pub struct Program {
    pub name: &'static str,
    pub floor: &'static str,
    pub event: &'static str,
    /// What the event is, for a reader of the table.
    pub says: &'static str,
}

const fn program(
    name: &'static str,
    floor: &'static str,
    event: &'static str,
    says: &'static str,
) -> Program {
    Program {
        name,
        floor,
        event,
        says,
    }
}

pub const PROGRAMS: [Program; 7] = [
    program(EMPTY_HTTP, EMPTY_HTTP, "lead-json", "any request"),
    program(LEAD_WEBHOOK, EMPTY_HTTP, "lead-json", "a lead as JSON"),
    program(
        "oauth-callback",
        EMPTY_HTTP,
        "oauth-connect",
        "a connect page",
    ),
    program(
        "admin-api",
        EMPTY_HTTP,
        "admin-get-health",
        "the stack's health",
    ),
    program(EMPTY_EVENT, EMPTY_EVENT, "schedule", "any event"),
    program(
        "queue-drain",
        EMPTY_EVENT,
        "queue-batch",
        "two messages with nothing to deliver",
    ),
    program(
        "scheduler",
        EMPTY_EVENT,
        "schedule",
        "a minute with nothing due",
    ),
];

/// Builds all of them with the profile of a release; answers the folder that holds them, beside this program.
pub fn build() -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--release", "--package", "empty-handlers"]);
    for program in PROGRAMS {
        if program.name != program.floor {
            cargo.args(["--package", program.name]);
        }
    }
    // What cargo tells the program it runs is not meant for another build.
    for (name, _) in std::env::vars() {
        if name.starts_with("CARGO_") && !["CARGO_HOME", "CARGO_TARGET_DIR"].contains(&&*name) {
            cargo.env_remove(name);
        }
    }
    let status = cargo.current_dir(root()).status()?;
    ensure!(status.success(), "the functions do not build");
    let this = std::env::current_exe()?;
    let folder = this.parent().context("a program lies in a folder")?;
    ensure!(
        folder.ends_with("release"),
        "what is measured is a release: cargo run --release"
    );
    Ok(folder.to_owned())
}

/// The path of a sample event.
pub fn event(name: &str) -> PathBuf {
    root().join("events").join(name).with_extension("json")
}

/// The project's folder.
pub fn root() -> &'static Path {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
    bench.parent().unwrap_or(bench)
}

/// The size of a program and of the archive that Lambda gets, made by the library that SAM makes it with.
pub fn sizes(program: &Path) -> Result<(u64, u64)> {
    let folder = tempfile::tempdir()?;
    let bootstrap = folder.path().join("bootstrap");
    fs::copy(program, &bootstrap)?;
    let zip = folder.path().join("bootstrap.zip");
    let status = Command::new("python3")
        .args(["-m", "zipfile", "-c"])
        .args([&zip, &bootstrap])
        .status()
        .context("needs python3")?;
    ensure!(status.success(), "no archive of {}", program.display());
    Ok((fs::metadata(&bootstrap)?.len(), fs::metadata(&zip)?.len()))
}

/// What Lambda and the template tell a function.
pub fn environment(aws: &Aws) -> Vec<(&'static str, String)> {
    let url = &aws.url;
    [
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "bench"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
        ("AWS_ENDPOINT_URL", url),
        ("LEADFEED_STACK", "bench"),
        ("LEADFEED_DIRECTORY_TABLE", DIRECTORY),
        ("LEADFEED_LEDGER_TABLE", "ledger"),
        (
            "LEADFEED_QUEUE_URL",
            "https://sqs.us-east-1.amazonaws.com/123456789012/leads",
        ),
        ("LEADFEED_SECRET_PREFIX", "leadfeed/bench"),
        ("LEADFEED_PUBLIC_URL", "https://leads.engines.example"),
        ("LEADFEED_CC_API_URL", url),
        ("LEADFEED_CC_AUTH_URL", url),
        ("LEADFEED_PKCE", "off"),
        ("LEADFEED_EVENT_BUS", "default"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}
