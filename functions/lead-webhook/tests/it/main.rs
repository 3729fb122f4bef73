//! The public door, from gateway event to answer, on ports in memory.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod door;
#[path = "../../../../fuzz/entries.rs"]
mod entries;
mod fuzz;
mod keys;
mod spam;
mod stage;
mod webhooks;
