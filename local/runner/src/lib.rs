//! The local stack: the real template on MiniStack, beside a Constant Contact sandbox.
//!
//! It needs Rust and Python 3.10 or newer; the rest it installs into the project's own folder `.local`.

pub mod aws;
mod front_door;
mod guard;
mod ministack;
mod place;
pub mod progress;
mod sam;
mod sandbox;
mod stack;
mod venv;

pub use sam::{Deployment, STACK};
pub use sandbox::Sandbox;
pub use stack::Stack;
