//! Types and rules that hold without a network: no clock, no randomness, no I/O.

pub mod budget;
pub mod captcha;
pub mod catalog;
pub mod connection;
pub mod consent;
pub mod contact;
pub mod crm;
pub mod customer;
mod day;
pub mod email;
pub mod form;
pub mod handshake;
pub mod idempotency;
pub mod ids;
pub mod import;
pub mod inputs;
pub mod keys;
pub mod lead;
pub mod link;
pub mod names;
pub mod receipt;
pub mod retry;
pub mod screening;
pub mod submission;
pub mod suppression;
pub mod tally;
pub mod task;
pub mod token;
mod word_enum;

pub use day::utc_day;
