//! Waiting for a moment that the budget gives out.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};

use crate::domain::budget::Reservation;
use crate::ports::Clock;

/// What one call may take, its answer included: the deadline of the HTTP client and a little.
pub(super) const CALL_TAKES: SignedDuration = SignedDuration::from_secs(12);

/// A moment that has passed by more than this is left to nobody: a call then would crowd those after it.
pub(super) const LATE: SignedDuration = SignedDuration::from_millis(20);

/// Times a moment may have passed before the caller gives up.
pub(super) const TURNS: u32 = 3;

/// What came of waiting for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// It is now.
    Now,
    /// There is none before this.
    NotBefore(Timestamp),
    /// Each had passed, because the store is slow to give them out, or there were too few.
    Missed,
}

/// Waits until `calls` calls may leave, one right after the other. `reserve` asks for so many moments from a time on.
///
/// Others keep their even spacing around the calls, so several need the moments on both sides: they leave at the middle
/// one of `2 * calls - 1`. With fewer, at the end of a day, it would be more calls than were given out. Moments that
/// have passed would meet those of others: more are asked for, which lie as far ahead as the store is slow.
pub(super) async fn await_moment<E, F>(
    clock: &impl Clock,
    calls: u32,
    reserve: impl Fn(u32, Timestamp) -> F,
) -> Result<Awaited, E>
where
    F: Future<Output = Result<Reservation, E>>,
{
    let want = 2 * calls - 1;
    let mut ahead = SignedDuration::ZERO;
    for _ in 0..TURNS {
        let moments = match reserve(want, clock.now() + ahead).await? {
            Reservation::Granted(moments) => moments,
            Reservation::NotBefore { at, .. } => return Ok(Awaited::NotBefore(at)),
        };
        if moments.len() != want as usize {
            break;
        }
        let middle = moments[moments.len() / 2];
        let late = clock.now().duration_since(middle);
        if late <= LATE {
            clock.sleep_until(middle).await;
            return Ok(Awaited::Now);
        }
        ahead = late * 2;
    }
    Ok(Awaited::Missed)
}
