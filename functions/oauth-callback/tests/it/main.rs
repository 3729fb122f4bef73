//! Connecting through the function's handler, on ports in memory.
#![cfg(test)]

#[path = "../../../../tests/support/bare_start.rs"]
mod bare_start;
mod browser;
mod callback;
mod error_pages;
#[path = "../../../../tests/support/log.rs"]
mod log;
mod secrets;
mod stage;
mod start;
mod steps;
mod two_customers;
mod waiting;
mod wrong_account;
