//! The use cases: the order of effects, using only the ports.
//!
//! Each function has one: [`Intake`](intake::Intake) takes leads in, [`Drain`](deliver::Drain) delivers them,
//! [`Scheduler`](scheduler::Scheduler) does what is due every minute, [`Connect`](connect::Connect) connects accounts,
//! and [`Admin`](admin::Admin) serves operators and customers. Beside them are
//! [`TokenKeeper`](token_keeper::TokenKeeper), used by all that call for a customer, [`Bulk`](bulk::Bulk), with which
//! each minute begins, and [`Canary`](canary::Canary), which the scheduler may send.

pub mod admin;
pub mod bulk;
pub mod canary;
pub mod connect;
pub mod deliver;
mod first_error;
pub mod intake;
#[cfg(test)]
mod leak_tests;
#[cfg(test)]
#[path = "../../../tests/support/log.rs"]
pub(crate) mod log;
mod moment;
pub mod observe;
mod publish;
mod requeue;
#[cfg(test)]
mod scene;
pub mod scheduler;
pub mod tally_buffer;
pub mod token_keeper;
