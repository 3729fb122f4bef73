//! Child processes that end when this one does, however it ends.
//!
//! Each runs under a small Python script that holds the other end of a pipe: the pipe closes when the guard is dropped,
//! and the kernel closes it when this process is killed. The script then ends the program and everything it started.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::progress::Step;

const SCRIPT: &str = include_str!("guard.py");

/// The newest Python installed, if it is new enough.
pub fn python() -> Result<&'static str> {
    const NAMES: [&str; 6] = [
        "python3",
        "python3.14",
        "python3.13",
        "python3.12",
        "python3.11",
        "python3.10",
    ];
    const CHECK: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    let works = |name: &&str| {
        let mut command = Command::new(name);
        command
            .args(["-c", CHECK])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    NAMES
        .into_iter()
        .find(works)
        .context("Python 3.10 or newer with its venv module is needed and was not found")
}

/// A command that the script will run; the caller adds arguments and environment.
fn guarded(scratch: &str, program: impl AsRef<OsStr>) -> Result<Command> {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(python()?);
    command.args(["-c", SCRIPT, scratch]).arg(program);
    command.process_group(0); // a Ctrl-C in the terminal reaches only us; we end the others in order
    command.stdin(Stdio::piped());
    Ok(command)
}

/// A background program. Dropping this ends it and waits until it is gone.
#[derive(Debug)]
pub struct GuardedProcess {
    child: Child,
}

impl GuardedProcess {
    /// Starts `program`, with its output in `log`. The folder `scratch` is removed after its end.
    pub fn start(
        scratch: &Path,
        log: File,
        program: &Path,
        configure: impl FnOnce(&mut Command),
    ) -> Result<Self> {
        let scratch = scratch
            .to_str()
            .context("the path of the project is not UTF-8")?;
        let mut command = guarded(scratch, program)?;
        configure(&mut command);
        command.stdout(log.try_clone()?).stderr(log);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child })
    }

    /// Its exit status, if it has ended.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }
}

impl Drop for GuardedProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            eprintln!("could not wait for a program to end: {error}");
        }
    }
}

/// Runs a command to its end, with its latest line as the step's message. Dropping the call ends the command.
pub async fn run(step: &Step, program: &Path, configure: impl FnOnce(&mut Command)) -> Result<()> {
    let mut command = guarded("", program)?;
    configure(&mut command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = tokio::process::Command::from(command)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let _pipe = child.stdin.take(); // tokio would close it when waiting
    let stdout = child.stdout.take().context("no output to read")?;
    let stderr = child.stderr.take().context("no errors to read")?;
    let (out, err) = tokio::try_join!(follow(step, stdout), follow(step, stderr))?;
    let status = child.wait().await?;
    if !status.success() {
        bail!(
            "{} ended with {status}\n{}",
            program.display(),
            tail(&(out + &err), 40)
        );
    }
    Ok(())
}

async fn follow(step: &Step, stream: impl AsyncRead + Unpin) -> Result<String> {
    let mut lines = BufReader::new(stream).split(b'\n');
    let mut all = String::new();
    while let Some(line) = lines.next_segment().await? {
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if !line.trim().is_empty() {
            step.say(line.trim());
        }
        all.push_str(line);
        all.push('\n');
    }
    Ok(all)
}

/// The last lines of a text.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::{Duration, Instant};

    use nix::errno::Errno;
    use nix::sys::signal::kill;
    use nix::unistd::Pid;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(20);

    /// Waits for the process id that a program writes into a file.
    fn wait_for_pid(file: &Path) -> Pid {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            if let Some(Ok(id)) = text.strip_suffix('\n').map(str::parse) {
                return Pid::from_raw(id);
            }
            assert!(Instant::now() < deadline, "the program did not start");
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn panic_ends_the_guarded_program_and_removes_its_scratch_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (scratch, file) = (folder.path().join("scratch"), folder.path().join("id"));
        std::fs::create_dir(&scratch).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let (kept, written) = (scratch.clone(), file.clone());

        let panicked = thread::spawn(move || {
            let script = format!("echo $$ > '{}'; exec sleep 600", written.display());
            let shell = Path::new("/bin/sh");
            let configure = |command: &mut Command| {
                command.args(["-c", &script]);
            };
            let _program = GuardedProcess::start(&kept, log, shell, configure).unwrap();
            wait_for_pid(&written);
            panic!("on purpose");
        });

        assert!(panicked.join().is_err());
        assert_eq!(kill(wait_for_pid(&file), None), Err(Errno::ESRCH));
        assert!(!scratch.exists());
    }
}
