//! Waiting for a moment on the budget.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};

use crate::domain::budget::{BudgetState, Limits, Reservation};
use crate::domain::ids::AppId;
use crate::ports::{Apps, Budget, Clock, StoreError};

/// How long one call may take, including its answer: the deadline of the HTTP client and a little.
pub(super) const CALL_TAKES: SignedDuration = SignedDuration::from_secs(12);

/// How long the call of a refresh and storing its pair may take. A refresh that is cut off loses the connection.
pub(super) const RENEWAL_TAKES: SignedDuration = SignedDuration::from_secs(22);

/// A moment that passed longer ago than this is not used: a call then would crowd those after it.
pub(super) const LATE: SignedDuration = SignedDuration::from_millis(20);

/// How often a moment may have passed before the caller gives up.
const TRIES: u32 = 3;

/// The result of looking for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// This one.
    At(Timestamp),
    /// There is none before this time.
    NotBefore(Timestamp),
    /// Each had passed, because the store gives them out slowly, or there were too few.
    Missed,
}

/// The state of an application's calls at `now`, and its limits. Reserves nothing.
pub(super) async fn budget_state(
    apps: &impl Apps,
    budget: &impl Budget,
    app: &AppId,
    now: Timestamp,
) -> Result<(Limits, BudgetState), StoreError> {
    let limits = apps.limits(app).await?;
    let state = budget.state(app).await?;
    let state = state.unwrap_or_else(|| BudgetState::assumed(limits, now));
    Ok((limits, state))
}

/// Waits until `calls` calls may leave, one right after the other. `reserve` requests a number of moments from a time
/// on.
pub(super) async fn await_moment<E, F>(
    clock: &impl Clock,
    calls: u32,
    reserve: impl Fn(u32, Timestamp) -> F,
) -> Result<Next, E>
where
    F: Future<Output = Result<Reservation, E>>,
{
    let next = next_moment(clock, calls, reserve).await?;
    if let Next::At(moment) = next {
        clock.sleep_until(moment).await;
    }
    Ok(next)
}

/// When `calls` calls may leave, one right after the other.
///
/// Others keep their even spacing around the calls, so several need the moments on both sides: they leave at the middle
/// one of `2 * calls - 1`. With fewer, at the end of a day, there would be more calls than were given out. Moments that
/// have passed would collide with those of others: more are requested, as far ahead as the store is slow.
pub(super) async fn next_moment<E, F>(
    clock: &impl Clock,
    calls: u32,
    reserve: impl Fn(u32, Timestamp) -> F,
) -> Result<Next, E>
where
    F: Future<Output = Result<Reservation, E>>,
{
    let want = 2 * calls - 1;
    let mut ahead = SignedDuration::ZERO;
    for _ in 0..TRIES {
        let moments = match reserve(want, clock.now() + ahead).await? {
            Reservation::Granted(moments) => moments,
            Reservation::NotBefore { at, .. } => return Ok(Next::NotBefore(at)),
        };
        if moments.len() != want as usize {
            break;
        }
        let middle = moments[moments.len() / 2];
        let late = clock.now().duration_since(middle);
        if late <= LATE {
            return Ok(Next::At(middle));
        }
        ahead = late * 2;
    }
    Ok(Next::Missed)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;
    use std::future::ready;

    use super::*;
    use crate::fakes::VirtualClock;

    const SPACING: SignedDuration = SignedDuration::from_millis(260);

    /// Waits with a store that takes `delay` to answer and grants `granted` moments; also returns the times from which
    /// moments were requested.
    async fn wait(calls: u32, delay: SignedDuration, granted: u32) -> (Next, Vec<Timestamp>) {
        let clock = VirtualClock::auto_advancing(Timestamp::UNIX_EPOCH);
        let requested = RefCell::new(Vec::new());
        let reserve = |want: u32, from: Timestamp| {
            requested.borrow_mut().push(from);
            clock.advance(delay);
            let times = 0..i32::try_from(want.min(granted)).unwrap();
            let moments = times.map(|time| from + SPACING * time).collect();
            ready(Ok::<_, Infallible>(Reservation::Granted(moments)))
        };
        let Ok(next) = await_moment(&clock, calls, reserve).await;
        (next, requested.into_inner())
    }

    #[tokio::test]
    async fn moment_missed_due_to_a_slow_store_is_requested_again_further_ahead() {
        let delay = SignedDuration::from_secs(1);

        let (next, requested) = wait(1, delay, 1).await;

        let second = Timestamp::UNIX_EPOCH + delay + delay * 2;
        assert_eq!(next, Next::At(second));
        assert_eq!(requested, [Timestamp::UNIX_EPOCH, second]);
    }

    #[tokio::test]
    async fn several_calls_leave_only_if_the_moments_around_them_are_granted() {
        let no_delay = SignedDuration::ZERO;

        let middle = Timestamp::UNIX_EPOCH + SPACING;
        assert_eq!(wait(2, no_delay, 3).await.0, Next::At(middle));
        assert_eq!(wait(2, no_delay, 2).await.0, Next::Missed);
    }

    #[tokio::test]
    async fn without_a_free_moment_the_next_possible_time_is_returned() {
        let clock = VirtualClock::auto_advancing(Timestamp::UNIX_EPOCH);
        let at = Timestamp::UNIX_EPOCH + SPACING;
        let none = |_, _| {
            let day_spent = false;
            ready(Ok::<_, Infallible>(Reservation::NotBefore {
                at,
                day_spent,
            }))
        };

        let Ok(next) = await_moment(&clock, 1, none).await;

        assert_eq!(next, Next::NotBefore(at));
    }
}
