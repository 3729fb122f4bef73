//! Describes the machine and the versions that were measured.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::place::{bench_path, root};
use crate::programs::{NODE, Program};

/// Processor, memory and kernel.
pub fn machine() -> Result<String> {
    let cores = std::thread::available_parallelism()?;
    let cpu = first_field("/proc/cpuinfo", "model name").unwrap_or("unnamed processor".into());
    let memory = first_field("/proc/meminfo", "MemTotal").context("no MemTotal")?;
    let kilobytes: f64 = memory.trim_end_matches(" kB").parse()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    Ok(format!(
        "{cores} cores of {cpu} ({}), {:.0} GB, Linux {}, load {load} at the end",
        std::env::consts::ARCH,
        kilobytes / 1e6,
        kernel.trim(),
    ))
}

/// Day and commit.
pub fn when() -> String {
    let day = jiff::Timestamp::now().strftime("%Y-%m-%d");
    let commit = output_of("git", &["describe", "--always", "--dirty", "--abbrev=10"]);
    format!("{day}, commit {}", commit.as_deref().unwrap_or("unknown"))
}

/// The versions of everything that the figures depend on.
pub fn versions(programs: &[&Program]) -> Result<String> {
    let rustc = output_of("rustc", &["--version"]).unwrap_or_default();
    let rustc = rustc.split(" (").next().unwrap_or_default().to_owned();
    let locked = |name| locked(name).unwrap_or_else(|| "?".to_owned());
    let mut all = vec![
        rustc,
        format!("lambda_runtime {}", locked("lambda_runtime")),
        format!("aws-sdk-dynamodb {}", locked("aws-sdk-dynamodb")),
        pinned("local/sam.in", "aws-sam-cli")?,
        pinned("local/sam.in", "cargo-lambda")?,
        pinned("local/ministack.in", "ministack")?,
    ];
    for program in programs {
        let runtime = output_of(&program.command[0].to_string_lossy(), &["--version"]);
        all.push(runtime.unwrap_or_default().replace('v', "Node.js "));
        if program.name == NODE {
            let package = fs::read_to_string(bench_path("peers/node/package.json"))?;
            let package: serde_json::Value = serde_json::from_str(&package)?;
            let sdk = &package["dependencies"]["@aws-sdk/client-dynamodb"];
            all.push(format!("client-dynamodb {}", sdk.as_str().unwrap_or("?")));
        } else {
            all.push(pinned("local/bench.in", "boto3")?);
        }
    }
    Ok(all.join(", "))
}

fn first_field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned())
}

/// As `boto3 1.2.3`, from a list of pinned packages.
fn pinned(list: &str, name: &str) -> Result<String> {
    let text = fs::read_to_string(root().join(Path::new(list)))?;
    let line = text
        .lines()
        .find(|line| line.split("==").next() == Some(name));
    Ok(line
        .with_context(|| format!("no {name} in {list}"))?
        .replace("==", " "))
}

/// The version in `Cargo.lock`.
fn locked(name: &str) -> Option<String> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).ok()?;
    let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(after.split_once('"')?.0.to_owned())
}
