//! What the operator is shown. Types of their own, so that what is stored and what is shown can change apart.

mod counts;
mod customer;
mod form;
mod lead;
mod request;
mod stack;
mod suppression;

pub use counts::counts;
pub use customer::{connection, customer, customers, link};
pub use form::{form_with_doors, forms};
pub use lead::{held, lead, leads};
pub use request::{erased, replayed};
pub use stack::{app, budget, health};
pub use suppression::{receipt, suppression, suppressions};
