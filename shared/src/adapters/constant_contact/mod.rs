//! The Constant Contact API and its token endpoint, over one HTTP client.
//!
//! Only what the ports name leaves this module: no body, URL or token is in an error.

mod accounts;
mod api;
mod contacts;
mod imports;
mod merge;
mod sign_up;
mod token_endpoint;

pub use api::ConstantContact;
pub use token_endpoint::TokenEndpoint;
