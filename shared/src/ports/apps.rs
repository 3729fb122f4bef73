use std::future::Future;

use super::{AppCredentials, StoreError};
use crate::domain::budget::Limits;
use crate::domain::ids::AppId;

/// Constant Contact applications.
pub trait Apps: Send + Sync {
    /// An application's id and secret; `None` if nobody has stored them. With `bypass_cache`, past any cache: after the token
    /// endpoint refused the remembered ones, or when a person begins to connect.
    fn credentials(
        &self,
        app: &AppId,
        bypass_cache: bool,
    ) -> impl Future<Output = Result<Option<AppCredentials>, StoreError>> + Send;

    /// An application's limits.
    fn limits(&self, app: &AppId) -> impl Future<Output = Result<Limits, StoreError>> + Send;

    /// Stores an application's limits, then its id and secret, replacing any stored before.
    fn put(
        &self,
        app: &AppId,
        credentials: &AppCredentials,
        limits: Limits,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Applications that were [put](Self::put), at most `limit`, in the order of their ids. One just put may be missing
    /// for a moment.
    fn all(&self, limit: u16) -> impl Future<Output = Result<Vec<AppId>, StoreError>> + Send;

    /// Whether an id and secret are stored. Checks without reading them: for the operator, who may only write.
    fn is_set(&self, app: &AppId) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
