use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::budget::{BudgetState, CallClass, Meter, Pause, Reservation};
use crate::domain::ids::AppId;

/// The call budget of an application, shared by every function that calls.
///
/// The steps on the state are those of [`BudgetState`], each atomic: no two reservations ever hold the same moment.
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

    /// The called endpoint wants a pause.
    fn pause(
        &self,
        meter: Meter<'_>,
        now: Timestamp,
        pause: Pause,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The stored state of the API's calls; `None` before an application's first call. For display.
    fn state(
        &self,
        app: &AppId,
    ) -> impl Future<Output = Result<Option<BudgetState>, StoreError>> + Send;
}
