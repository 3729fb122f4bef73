//! The responses shown to the operator: types of their own, so that they can change independently of what is stored.

mod counts;
mod customer;
mod form;
mod lead;
mod request;
mod stack;
mod suppression;

pub use counts::counts;
pub use customer::{connection, customer, customers, link};
pub use form::{form_with_urls, forms};
pub use lead::{held, lead, leads};
pub use request::{erased, replayed};
pub use stack::{app, budget, health};
pub use suppression::{receipt, suppression, suppressions};
