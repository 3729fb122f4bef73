//! The use cases: the order of effects, over the ports alone.

pub mod intake;
pub mod token_keeper;
