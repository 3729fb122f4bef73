use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::ids::{CustomerId, LeadId};

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyClaim {
    /// The lead that every request with this key stands for.
    pub lead: LeadId,
    /// The content that first came with it, as a digest.
    pub content: String,
    /// Who claims it: random, so that a claim repeated because its answer was lost is recognised.
    pub owner: String,
    /// Until when the first request may still be running.
    pub until: Timestamp,
    /// Until when the key is remembered.
    pub expires_at: Timestamp,
}

/// The result of claiming a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyClaimed {
    /// It is new, or this owner's already, and stands for what the caller said.
    Fresh,
    /// It already stands for something.
    Known(Box<KeyClaim>),
}

/// Keys by which callers repeat their requests.
pub trait Idempotency: Send + Sync {
    /// Claims a customer's key, by its digest, unless at `now` it stands for another owner's lead, other than `gone`.
    /// Of any number of concurrent owners, exactly one is told [`KeyClaimed::Fresh`], however often it asks.
    fn claim_key(
        &self,
        customer: &CustomerId,
        key: &str,
        claim: &KeyClaim,
        gone: Option<&LeadId>,
        now: Timestamp,
    ) -> impl Future<Output = Result<KeyClaimed, StoreError>> + Send;

    /// Frees a key that stands for `lead`, if that lead was not kept.
    fn free_key(
        &self,
        customer: &CustomerId,
        key: &str,
        lead: &LeadId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
