//! The library that the Leadfeed functions share, in six modules.
//!
//! [`domain`] holds types and rules and knows neither clock nor network. [`ports`] are what the use cases need from the
//! world, as traits; [`app`] are the use cases. `adapters` implement the ports with DynamoDB, SQS, Secrets Manager and
//! the Constant Contact API, `fakes` in memory; `web` is how the HTTP functions answer. Dependencies point inward only:
//! without default features this crate compiles with no AWS and no HTTP in its tree. Only the private `wiring`, which
//! makes use cases with their adapters for the functions, names both.
#![warn(missing_docs)]

#[cfg(feature = "aws")]
pub mod adapters;
pub mod app;
pub mod domain;
#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
mod lock;
pub mod ports;
#[cfg(feature = "web")]
pub mod web;
#[cfg(feature = "aws")]
mod wiring;

pub use self::lock::locked;
