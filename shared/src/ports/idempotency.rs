use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::ids::{CustomerId, LeadId};

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyClaim {
    /// The lead that every request with this key is.
    pub lead: LeadId,
    /// The content it came with first, as a digest.
    pub content: String,
    /// Who claims it: random, so that a claim made again because its answer was lost is known for what it is.
    pub owner: String,
    /// Until when the request that came first may still be at work.
    pub until: Timestamp,
    /// Until when the key is remembered.
    pub expires_at: Timestamp,
}

/// What came of claiming a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyClaimed {
    /// It is new, or this owner's already, and stands for what the caller said.
    Fresh,
    /// It stands for something already.
    Known(Box<KeyClaim>),
}

/// Keys by which callers repeat their requests.
pub trait Idempotency: Send + Sync {
    /// Claims a customer's key, by its digest, unless it stands for something of another owner's at `now`, other than for
    /// `gone`. Exactly one owner of any number of concurrent ones is told [`KeyClaimed::Fresh`], however often it asks.
    fn claim_key(
        &self,
        customer: &CustomerId,
        key: &str,
        claim: &KeyClaim,
        gone: Option<&LeadId>,
        now: Timestamp,
    ) -> impl Future<Output = Result<KeyClaimed, StoreError>> + Send;

    /// Frees a key that stands for `lead`, which came to nothing.
    fn free_key(
        &self,
        customer: &CustomerId,
        key: &str,
        lead: &LeadId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
