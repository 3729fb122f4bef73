//! The tool against the operator's API in memory, over HTTP.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod commands;
mod deployment;
mod doctor;
mod files;
mod forms;
mod reports;
mod wire;
