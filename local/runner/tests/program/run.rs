//! A run of the program.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::left::Everything;

/// The first run on a machine compiles the functions.
const PATIENCE: Duration = Duration::from_secs(45 * 60);

pub struct Program {
    child: Child,
    said: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_leadfeed-local"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let readers = vec![
            follow(child.stdout.take().unwrap(), said.clone()),
            follow(child.stderr.take().unwrap(), said.clone()),
        ];
        Self {
            child,
            said,
            readers,
        }
    }

    /// Waits until it has printed this.
    pub fn until(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.said.lock().unwrap().contains(words) {
            assert!(
                Instant::now() < deadline
                    && self.readers.iter().any(|reader| !reader.is_finished()),
                "it did not say {words:?} but:\n{}",
                self.said.lock().unwrap()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The program and everything it has started, with the ports on which they listen.
    pub fn everything(&self) -> Everything {
        Everything::of(self.child.id())
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for its end; returns its exit code (`None` if a signal ended it) and its output.
    pub fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        assert_eq!(status.code().is_none(), status.signal().is_some());
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let said = self.said.lock().unwrap().clone();
        (status.code(), said)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::SIGTERM);
            drop(self.child.wait());
        }
    }
}

fn follow(stream: impl Read + Send + 'static, said: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let line = line.unwrap();
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
    })
}
