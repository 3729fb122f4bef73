//! The operator's API from event to answer, on ports in memory.

#![expect(clippy::unwrap_used, reason = "a failing step fails the test")]

#[path = "../../../../tests/support/bare_start.rs"]
mod bare_start;
mod buttons;
mod connections;
mod counts;
mod csv;
mod customers;
mod document;
mod erasures;
mod events;
mod forms;
mod leads;
mod manage;
mod openapi;
mod people;
mod receipts;
mod refusals;
mod replays;
mod sheet;
mod signed_only;
mod spam;
mod stack;
mod stage;
mod suppressions;
mod upload;
