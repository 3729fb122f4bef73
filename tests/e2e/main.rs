//! A lead's way from a form to Constant Contact, on the real stack.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod delivery;
mod permissions;
mod queue;
mod refusals;
mod scene;
mod volume;
