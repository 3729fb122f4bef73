//! Tests of the sandbox's own features: control, faults, the journal, the pages and the program.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod control;
mod faults;
mod lab;
mod load;
mod pages;
mod program;
