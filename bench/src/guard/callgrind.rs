//! Counts a program's own instructions, without those of the machine's libraries, which differ between machines.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use axum::body::Bytes;

use crate::lambda::Function;
use crate::programs::Program;

/// The instructions of a start and this many invocations.
pub async fn count(
    valgrind: &Path,
    program: &Program,
    aws: &str,
    event: &Bytes,
    invocations: u32,
) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    let mut command = Command::new(valgrind);
    command
        .args(["--quiet", "--tool=callgrind", "--compress-strings=no"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .args(&program.command)
        .env_clear()
        .envs(program.environment(aws));
    let mut function = Function::start(command).await?;
    for _ in 0..invocations {
        function.invoke(event).await?;
    }
    function.end_in_order().await?;
    let told = fs::read_to_string(&out).context("callgrind wrote nothing")?;
    let own = program.command[0].to_string_lossy();
    Ok(of_object(&told, &own))
}

/// The instructions that a profile counts in one object. The cost line after `calls=` is that of the callee, which is
/// counted there.
fn of_object(profile: &str, object: &str) -> u64 {
    let (mut own, mut is_called, mut sum) = (false, false, 0);
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("ob=") {
            own = name == object;
        } else if line.starts_with("calls=") {
            is_called = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            if own && !is_called {
                let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok());
                sum += cost.unwrap_or(0);
            }
            is_called = false;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libraries_and_the_called_take_is_left_out() {
        let profile = "# callgrind format\nevents: Ir\n\nob=/lib/libc.so.6\nfl=???\nfn=malloc\n0 100\n\n\
                       ob=/a/bootstrap\nfl=main.rs\nfn=main\n16 5\n+1 7\ncob=/lib/libc.so.6\ncfn=malloc\ncalls=1 0\n\
                       * 100\n-3 2\n";

        assert_eq!(of_object(profile, "/a/bootstrap"), 14);
        assert_eq!(of_object(profile, "/lib/libc.so.6"), 100);
    }
}
