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
    function.terminate().await?;
    let profile = fs::read_to_string(&out).context("callgrind wrote nothing")?;
    let object = program.command[0].to_string_lossy();
    Ok(instructions_in_object(&profile, &object))
}

/// The instructions that a profile counts in one object. The cost line after `calls=` is that of the callee, which is
/// counted there.
fn instructions_in_object(profile: &str, object: &str) -> u64 {
    let (mut in_object, mut is_callee_cost, mut sum) = (false, false, 0);
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("ob=") {
            in_object = name == object;
        } else if line.starts_with("calls=") {
            is_callee_cost = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            if in_object && !is_callee_cost {
                let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok());
                sum += cost.unwrap_or(0);
            }
            is_callee_cost = false;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_of_callees_and_other_objects_are_excluded() {
        let profile = "# callgrind format\nevents: Ir\n\nob=/lib/libc.so.6\nfl=???\nfn=malloc\n0 100\n\n\
                       ob=/a/bootstrap\nfl=main.rs\nfn=main\n16 5\n+1 7\ncob=/lib/libc.so.6\ncfn=malloc\ncalls=1 0\n\
                       * 100\n-3 2\n";

        assert_eq!(instructions_in_object(profile, "/a/bootstrap"), 14);
        assert_eq!(instructions_in_object(profile, "/lib/libc.so.6"), 100);
    }
}
