use std::future::Future;

use super::StoreError;
use crate::domain::ids::CustomerId;
use crate::domain::token::StoredTokens;

/// The result of storing tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreOutcome {
    /// They are stored.
    Stored,
    /// Other tokens of this generation or of a newer one are already stored; these are not.
    Superseded,
}

/// Where tokens are kept.
pub trait Vault: Send + Sync {
    /// A connection's newest tokens.
    fn tokens(
        &self,
        customer: &CustomerId,
    ) -> impl Future<Output = Result<Option<StoredTokens>, StoreError>> + Send;

    /// Stores a pair under its generation, replacing an older one. Storing the same pair again changes nothing; a
    /// generation never gets a second pair.
    fn store(
        &self,
        customer: &CustomerId,
        tokens: &StoredTokens,
    ) -> impl Future<Output = Result<StoreOutcome, StoreError>> + Send;

    /// Deletes a connection's tokens; it is no error if there are none.
    fn delete(&self, customer: &CustomerId) -> impl Future<Output = Result<(), StoreError>> + Send;
}
