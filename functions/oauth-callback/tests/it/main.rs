//! Connecting through the door of the function, on ports in memory.
#![cfg(test)]

mod browser;
mod callback;
mod secrets;
mod stage;
mod start;
mod steps;
