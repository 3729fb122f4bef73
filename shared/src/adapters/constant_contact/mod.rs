//! The Constant Contact API and its token endpoint, over one HTTP client.
//!
//! Nothing of an answer but what the ports name leaves this room: no body, no URL and no token is in an error.

mod accounts;
mod api;
mod contacts;
mod imports;
mod merge;
mod sign_up;
mod token_endpoint;

pub use api::ConstantContact;
pub use token_endpoint::TokenEndpoint;
