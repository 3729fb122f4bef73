//! The Constant Contact adapters, against the sandbox where behaviour counts and against a wire where bytes do.
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
