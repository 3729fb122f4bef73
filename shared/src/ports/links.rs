use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::ids::{CustomerId, LinkId};

/// Single-use links.
pub trait Links: Send + Sync {
    /// Makes a link that can be redeemed once before `expires_at`.
    fn create_link(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether the link could still be redeemed by `by`.
    fn is_redeemable(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        by: &LinkId,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Redeems the link. Of all who redeem it, exactly one is told `true`, however often it asks while the link lasts.
    fn redeem(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        by: &LinkId,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
