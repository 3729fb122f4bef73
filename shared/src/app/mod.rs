//! The use cases: the order of effects, over the ports alone.
//!
//! Each function has one: [`Intake`](intake::Intake) takes leads in, [`Drain`](deliver::Drain) delivers them,
//! [`Minute`](minute::Minute) is the scheduler's, [`Connect`](connect::Connect) connects accounts, and
//! [`Admin`](admin::Admin) serves operators and customers. Beside them are [`TokenKeeper`](token_keeper::TokenKeeper),
//! which whoever calls for a customer holds, [`Bulk`](bulk::Bulk), which the minute begins with, and
//! [`Canary`](canary::Canary), which the scheduler may send.

pub mod admin;
pub mod bulk;
pub mod canary;
pub mod connect;
pub mod count;
pub mod deliver;
pub mod intake;
#[cfg(test)]
#[path = "../../../tests/support/log.rs"]
pub(crate) mod log;
pub mod minute;
mod moment;
pub mod requeue;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod silence_tests;
mod tell;
pub mod token_keeper;
mod trouble;
