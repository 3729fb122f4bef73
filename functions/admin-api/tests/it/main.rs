//! The operator's API from event to answer, on ports in memory.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod connections;
mod csv;
mod customers;
mod document;
mod events;
mod forms;
mod leads;
mod manage;
mod openapi;
mod receipts;
mod refusals;
mod requests;
mod spam;
mod stack;
mod stage;
mod suppressions;
