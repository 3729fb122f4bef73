//! Tests of the sandbox's own features: control, faults, the journal, the pages and the program.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod control;
mod faults;
mod lab;
mod load;
mod pages;
mod program;
