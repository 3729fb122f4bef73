use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use crate::domain::crm::CrmError;
use crate::locked;
use crate::ports::{StoreError, TokenError};

/// The fault injected at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and has no effect.
    FailBefore,
    /// The call has its effect and fails nevertheless.
    FailAfter,
    /// The caller is killed before the effect.
    CrashBefore,
    /// The caller is killed after the effect.
    CrashAfter,
    /// The caller panics after the effect.
    Panic,
}

/// Faults to inject. Every port call is one step, counted from 1 over all fakes that share this.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    steps: u64,
    faults: BTreeMap<u64, Fault>,
    crashed: bool,
}

/// An error type that can be injected.
pub trait Failure {
    /// The call was not made.
    fn before() -> Self;
    /// The call was made and its result is unknown.
    fn after() -> Self;
}

impl Faults {
    /// Injects `fault` at the given step.
    pub fn at(&self, step: u64, fault: Fault) {
        self.plan().faults.insert(step, fault);
    }

    /// Injects `fault` at the next step.
    pub fn next(&self, fault: Fault) {
        let mut plan = self.plan();
        let step = plan.steps + 1;
        plan.faults.insert(step, fault);
    }

    /// Steps so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.plan().steps
    }

    /// Runs a use case until it is done, or returns `None` if a crash killed it. A killed one would otherwise wait for
    /// ever.
    pub async fn until_crash<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if std::mem::take(&mut self.plan().crashed) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    pub(super) async fn around<R, E: Failure>(
        &self,
        effect: impl FnOnce() -> Result<R, E>,
    ) -> Result<R, E> {
        yield_once().await;
        match self.step() {
            None => effect(),
            Some(Fault::FailBefore) => Err(E::before()),
            Some(Fault::FailAfter) => effect().and_then(|_| Err(E::after())),
            Some(Fault::CrashBefore) => self.crash().await,
            Some(Fault::CrashAfter) => {
                drop(effect());
                self.crash().await
            }
            Some(Fault::Panic) => {
                drop(effect());
                panic!("planned")
            }
        }
    }

    fn step(&self) -> Option<Fault> {
        let mut plan = self.plan();
        plan.steps += 1;
        let step = plan.steps;
        plan.faults.remove(&step)
    }

    async fn crash<T>(&self) -> T {
        self.plan().crashed = true;
        pending().await
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        locked(&self.0)
    }
}

/// Yields once to every other task.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs work on ports in memory, which never wait.
pub fn run_ready<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
    }
}

impl Failure for StoreError {
    fn before() -> Self {
        Self::new("planned: not done")
    }

    fn after() -> Self {
        Self::new("planned: done, answer lost")
    }
}

impl Failure for CrmError {
    fn before() -> Self {
        Self::Unavailable
    }

    fn after() -> Self {
        Self::AnswerLost
    }
}

impl Failure for TokenError {
    fn before() -> Self {
        Self::Unavailable
    }

    fn after() -> Self {
        Self::AnswerLost
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::connection::ConnectionStatus;
    use crate::fakes::MemoryEvents;
    use crate::ports::{Event, Events as _};

    fn event() -> Event {
        Event::Connection {
            customer_id: "engines".parse().unwrap(),
            status: ConnectionStatus::Active,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn failures_and_crashes_affect_only_their_step() {
        for (fault, returns, effects) in [
            (Fault::FailBefore, true, 0),
            (Fault::FailAfter, true, 1),
            (Fault::CrashBefore, false, 0),
            (Fault::CrashAfter, false, 1),
        ] {
            let faults = Faults::default();
            let events = MemoryEvents::new(&faults);
            let event = [event()];
            events.publish(&event).await.unwrap();
            faults.at(2, fault);

            let outcome = faults.until_crash(events.publish(&event)).await;

            assert_eq!(outcome.is_some(), returns, "{fault:?}");
            assert!(outcome.is_none_or(|result| result.is_err()), "{fault:?}");
            assert_eq!(events.published().len(), 1 + effects, "{fault:?}");
            let next = faults.until_crash(events.publish(&event)).await;
            assert!(next.unwrap().is_ok());
            assert_eq!(faults.steps(), 3);
        }
    }
}
