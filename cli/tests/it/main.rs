//! The tool against the operator's API in memory, over HTTP.
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod commands;
mod deployment;
mod doctor;
mod files;
mod forms;
mod reports;
mod wire;
