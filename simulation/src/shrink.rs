//! Shortens a failing schedule.

use crate::run::run;
use crate::schedule::Case;
use crate::wire::Guard;

/// A case with as few events as still break the same promise: drops halves, then quarters, and so on to single ones.
#[must_use]
pub fn shrink(case: &Case, without: Option<Guard>) -> Case {
    let broken_promise = |case: &Case| {
        run(case, without, false)
            .err()
            .map(|broken| broken.violation.promise)
    };
    let Some(promise) = broken_promise(case) else {
        return case.clone();
    };
    let mut shortest = case.clone();
    let mut size = shortest.steps.len() / 2;
    while size > 0 {
        let mut from = 0;
        while from < shortest.steps.len() {
            let mut shorter = shortest.clone();
            let to = (from + size).min(shorter.steps.len());
            shorter.steps.drain(from..to);
            if broken_promise(&shorter) == Some(promise) {
                shortest = shorter;
            } else {
                from += size;
            }
        }
        size /= 2;
    }
    shortest
}
