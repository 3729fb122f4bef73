//! Runs many seeds, on all processors.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::run::{Broken, run};
use crate::schedule::Case;
use crate::wire::Guard;

/// A seed that breaks a promise.
#[derive(Debug, Clone)]
pub struct FailingSeed {
    /// The seed.
    pub seed: u64,
    /// The broken promise.
    pub broken: Broken,
    /// How many seeds were run until then.
    pub seeds_run: u64,
}

/// Runs `count` seeds from `from` on, and returns the lowest one found to break a promise. Prints its progress to
/// standard error.
#[must_use]
pub fn search(from: u64, count: u64, without: Option<Guard>) -> Option<FailingSeed> {
    let next = AtomicU64::new(0);
    let found: Mutex<Option<FailingSeed>> = Mutex::new(None);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count || found.lock().is_ok_and(|found| found.is_some()) {
                return;
            }
            if number > 0 && number.is_multiple_of(1_000) && without.is_none() {
                eprintln!("{number} of {count} seeds kept every promise");
            }
            let seed = from + number;
            let Err(broken) = run(&Case::of(seed), without, false) else {
                continue;
            };
            let seeds_run = number + 1;
            let failing = FailingSeed {
                seed,
                broken,
                seeds_run,
            };
            if let Ok(mut found) = found.lock() {
                let is_lowest = found.as_ref().is_none_or(|other| seed < other.seed);
                if is_lowest {
                    *found = Some(failing);
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    found.into_inner().ok().flatten()
}
