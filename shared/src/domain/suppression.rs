//! People whom a customer never wants mailed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use super::ids::PersonId;

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// Who.
    pub person: PersonId,
    /// Since when.
    pub since: Timestamp,
}
