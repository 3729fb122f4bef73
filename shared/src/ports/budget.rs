use std::future::Future;

use jiff::{SignedDuration, Timestamp};

use super::StoreError;
use crate::domain::budget::{BudgetState, CallClass, Limits, Reservation};
use crate::domain::ids::AppId;

/// What an application may still call, shared by every function that calls.
///
/// Steps on the state are those of [`BudgetState`], each atomic: two
/// reservations never hold the same moment.
pub trait Budget: Send + Sync {
    /// Takes up to `want` moments, none later than `horizon`.
    fn reserve(
        &self,
        app: &AppId,
        limits: Limits,
        class: CallClass,
        want: u32,
        now: Timestamp,
        horizon: Timestamp,
    ) -> impl Future<Output = Result<Reservation, StoreError>> + Send;

    /// Takes one moment of the token endpoint, which allows one call a second to each application.
    fn reserve_token_call(
        &self,
        app: &AppId,
        now: Timestamp,
        horizon: Timestamp,
    ) -> impl Future<Output = Result<Reservation, StoreError>> + Send;

    /// The token endpoint said 429.
    fn token_throttled(
        &self,
        app: &AppId,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The state as it is stored; `None` before an application's first call. For showing it.
    fn state(
        &self,
        app: &AppId,
    ) -> impl Future<Output = Result<Option<BudgetState>, StoreError>> + Send;

    /// The API said `throttled`: nobody calls for so long.
    fn throttled(
        &self,
        app: &AppId,
        limits: Limits,
        now: Timestamp,
        rest: SignedDuration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The API said `quota_exceeded`.
    fn quota_exceeded(
        &self,
        app: &AppId,
        limits: Limits,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
