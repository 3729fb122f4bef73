//! The Constant Contact adapters, against the sandbox for behaviour and against a scripted server for exact bytes.
#![expect(clippy::unwrap_used, reason = "a failed set-up fails the test")]

mod accounts;
mod contacts;
mod contract;
mod harness;
mod imports;
mod long_address;
mod scripted_server;
mod tokens;
mod transport;
