//! The local stack: the real template on MiniStack, beside a Constant Contact sandbox.
//!
//! It needs Rust and Python 3.10 or newer; everything else is installed into the project's own folder `.local`.

pub mod aws;
pub mod browser;
mod cache;
mod checkout;
pub mod customer;
pub mod demo;
mod differences;
mod front_door;
mod guard;
pub mod leads;
mod ministack;
mod npm;
pub mod operator;
pub mod progress;
pub mod role;
mod sam;
mod sandbox;
pub mod sending;
mod stack;
pub mod tables;
pub mod tools;
mod venv;

pub use guard::GuardedProcess;
pub use ministack::{MiniStack, free_port};
pub use sam::{Deployment, STACK};
pub use sandbox::Sandbox;
pub use stack::Stack;
