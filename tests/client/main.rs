//! The Constant Contact adapters, against the sandbox for behaviour and against a scripted server for exact bytes.
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up proves nothing"
)]

mod accounts;
mod bench;
mod contacts;
mod contract;
mod imports;
mod long_address;
mod tokens;
mod trouble;
mod wire;
