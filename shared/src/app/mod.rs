//! The use cases: the order of effects, over the ports alone.

pub mod admin;
pub mod bulk;
pub mod canary;
pub mod connect;
pub mod count;
pub mod deliver;
pub mod gauges;
pub mod intake;
pub mod keep_alive;
pub mod minute;
mod moment;
pub mod recount;
pub mod release;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod silence_tests;
mod tell;
pub mod token_keeper;
mod trouble;
