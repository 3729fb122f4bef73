use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::ids::{CustomerId, LinkId};

/// Links: which of the single-use ones are left, and which to customers' pages were revoked.
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

    /// Revokes the links to a customer's page that were made until `at`, the last of which expires at `expires_at`.
    fn revoke_manage_links(
        &self,
        customer: &CustomerId,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Until when links to a customer's page were revoked; `None` if no link that is still valid was.
    fn manage_links_revoked_at(
        &self,
        customer: &CustomerId,
    ) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;
}
