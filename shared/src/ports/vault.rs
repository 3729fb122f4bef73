use std::future::Future;

use super::StoreError;
use crate::domain::ids::CustomerId;
use crate::domain::token::StoredTokens;

/// What came of storing tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// They are stored.
    Stored,
    /// Other tokens of this generation or of a newer one are stored already; these are not.
    Superseded,
}

/// Where tokens are kept.
pub trait Vault: Send + Sync {
    /// A connection's newest tokens.
    fn tokens(
        &self,
        customer: &CustomerId,
    ) -> impl Future<Output = Result<Option<StoredTokens>, StoreError>> + Send;

    /// Stores a pair under its generation, over an older one. Storing the same pair again is nothing new; a pair can be
    /// stored under one generation only once.
    fn keep(
        &self,
        customer: &CustomerId,
        tokens: &StoredTokens,
    ) -> impl Future<Output = Result<Kept, StoreError>> + Send;

    /// Forgets a connection's tokens; that there are none is no error.
    fn forget(&self, customer: &CustomerId) -> impl Future<Output = Result<(), StoreError>> + Send;
}
