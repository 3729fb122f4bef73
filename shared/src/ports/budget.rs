use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::budget::{BudgetState, CallClass, Meter, Pause, Reservation};
use crate::domain::ids::AppId;

/// What an application may still call, shared by every function that calls.
///
/// Steps on the state are those of [`BudgetState`], each atomic: two
/// reservations never hold the same moment.
pub trait Budget: Send + Sync {
    /// Takes up to `want` moments, none later than `horizon`.
    fn reserve(
        &self,
        meter: Meter<'_>,
        class: CallClass,
        want: u32,
        now: Timestamp,
        horizon: Timestamp,
    ) -> impl Future<Output = Result<Reservation, StoreError>> + Send;

    /// Whoever was called wants a pause.
    fn pause(
        &self,
        meter: Meter<'_>,
        now: Timestamp,
        pause: Pause,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The state of the API's calls as it is stored; `None` before an application's first call. For showing it.
    fn state(
        &self,
        app: &AppId,
    ) -> impl Future<Output = Result<Option<BudgetState>, StoreError>> + Send;
}
