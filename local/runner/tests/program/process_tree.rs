//! Processes and ports, according to the kernel.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// How long processes may outlive the program.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A process: ids are reused, so its start time identifies it too.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    id: u32,
    started: String,
    command: String,
}

/// A listening address and port, as the kernel writes them.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Listening {
    address: String,
    port: u16,
}

/// A program with everything it has started, and the ports on which they listen.
#[derive(Debug)]
pub struct ProcessTree {
    processes: Vec<Process>,
    listening: BTreeSet<Listening>,
}

impl ProcessTree {
    pub fn of(program: u32) -> Self {
        let all = processes();
        let mut ids = BTreeSet::from([program]);
        loop {
            let before = ids.len();
            let children = all.iter().filter(|(_, parent)| ids.contains(parent));
            let children: Vec<u32> = children.map(|(process, _)| process.id).collect();
            ids.extend(children);
            if ids.len() == before {
                break;
            }
        }
        let processes: Vec<_> = all
            .into_iter()
            .map(|(process, _)| process)
            .filter(|process| ids.contains(&process.id))
            .collect();
        let sockets = ids.iter().flat_map(|id| sockets_of(*id)).collect();
        Self {
            processes,
            listening: listening(&sockets),
        }
    }

    pub fn port_count(&self) -> usize {
        self.listening.len()
    }

    pub fn assert_on_loopback_only(&self) {
        for listening in &self.listening {
            assert_eq!(listening.address, "0100007F", "{listening:?}");
        }
    }

    /// Kills the process whose command line contains this.
    pub fn kill(&self, word: &str) {
        let found = self.processes.iter().filter(|process| {
            process.command.contains(word) && !process.command.contains("import subprocess")
        });
        for process in found {
            let id = Pid::from_raw(process.id.cast_signed());
            nix::sys::signal::kill(id, Signal::SIGKILL).unwrap();
        }
    }

    pub fn assert_gone(&self) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let alive = processes().into_iter().map(|(process, _)| process);
            let left: Vec<_> = alive
                .filter(|process| {
                    self.processes
                        .iter()
                        .any(|one| (one.id, &one.started) == (process.id, &process.started))
                })
                .collect();
            if left.is_empty() {
                break;
            }
            assert!(Instant::now() < deadline, "left running: {left:#?}");
            thread::sleep(Duration::from_millis(50));
        }
        for Listening { port, .. } in &self.listening {
            assert!(
                TcpStream::connect(("127.0.0.1", *port)).is_err(),
                "{port} is open"
            );
        }
    }
}

/// All running processes, each with its parent's id.
fn processes() -> Vec<(Process, u32)> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries
        .filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // After the name, which may contain anything: state, parent, and as the 20th the start.
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let command = fs::read(entry.path().join("cmdline")).ok()?;
            let process = Process {
                id,
                started: (*fields.get(19)?).to_owned(),
                command: String::from_utf8_lossy(&command).replace('\0', " "),
            };
            (fields[0] != "Z").then_some((process, fields[1].parse().ok()?))
        })
        .collect()
}

/// The sockets that a process holds, by their inodes.
fn sockets_of(id: u32) -> Vec<String> {
    let files = fs::read_dir(format!("/proc/{id}/fd"));
    let files = files.into_iter().flatten().filter_map(Result::ok);
    files
        .filter_map(|file| {
            let target = fs::read_link(file.path()).ok()?;
            let socket = target.to_str()?.strip_prefix("socket:[")?;
            Some(socket.trim_end_matches(']').to_owned())
        })
        .collect()
}

/// The listening ones among the sockets.
fn listening(sockets: &BTreeSet<String>) -> BTreeSet<Listening> {
    const LISTEN: &str = "0A";
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|table| fs::read_to_string(table).unwrap_or_default());
    tables
        .iter()
        .flat_map(|table| table.lines().skip(1))
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (address, port) = fields.get(1)?.split_once(':')?;
            let ours = *fields.get(3)? == LISTEN && sockets.contains(*fields.get(9)?);
            ours.then_some(Listening {
                address: address.to_owned(),
                port: u16::from_str_radix(port, 16).ok()?,
            })
        })
        .collect()
}
