use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::ids::{CustomerId, LinkId};

/// Single-use links.
pub trait Links: Send + Sync {
    /// Makes a link that can be burnt once before `expires_at`.
    fn mint(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether the link could still be burnt by `by`.
    fn is_live(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        by: &LinkId,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Burns the link. Of all who burn it, exactly one is told `true`, however often it asks while the link lasts.
    fn burn(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        by: &LinkId,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
