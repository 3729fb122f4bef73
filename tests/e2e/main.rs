//! End-to-end tests: a lead's way from a form to Constant Contact, on the real stack.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod alarms;
mod canary;
mod delivery;
mod erasure;
mod mails;
mod openapi;
mod permissions;
mod queue;
mod refusals;
mod rows;
mod scene;
mod volume;
