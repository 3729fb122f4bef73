//! Carries one call from a process to a service.

use std::future::{Future, pending};
use std::sync::Arc;

use jiff::SignedDuration;
use leadfeed_shared::fakes::{Failure, Fault};
use leadfeed_shared::ports::Clock as _;

use super::{Disruption, Process, ROUTINE, Service, Shared};

/// One process's connection to all services.
#[derive(Clone)]
pub struct Line {
    /// What all processes share.
    pub shared: Arc<Shared>,
    /// The process.
    pub process: Arc<Process>,
}

impl Line {
    /// One call.
    pub(crate) async fn call<R, E: Failure>(
        &self,
        service: Service,
        op: &'static str,
        effect: impl Future<Output = Result<R, E>> + Send,
    ) -> Result<R, E> {
        let (fault, duration) = self.next_fault(service, op);
        match fault {
            Some(Fault::FailBefore) => {
                self.pause(duration).await;
                return Err(E::before());
            }
            Some(Fault::CrashBefore) => self.die().await,
            _ => {}
        }
        let result = effect.await;
        self.pause(duration).await;
        match fault {
            Some(Fault::FailAfter) => result.and_then(|_| Err(E::after())),
            Some(Fault::CrashAfter) => self.die().await,
            _ => result,
        }
    }

    /// The fault for the next call, if any, and how long the call takes.
    fn next_fault(&self, service: Service, op: &'static str) -> (Option<Fault>, SignedDuration) {
        *self.shared.lock_counts().entry((service, op)).or_default() += 1;
        if !self.shared.takes_time {
            return (None, SignedDuration::ZERO);
        }
        let disruption = self.shared.disruption_of(service);
        let mut state = self.process.state();
        state.calls += 1;
        let planned = state.fault.filter(|(call, _)| *call == state.calls);
        let fault = planned
            .map(|(_, fault)| fault)
            .or_else(|| match disruption {
                Some(Disruption::Down) => Some(Fault::FailBefore),
                Some(Disruption::Flaky) if state.dice.chance(25) => Some(Fault::FailAfter),
                Some(Disruption::Flaky) if state.dice.chance(33) => Some(Fault::FailBefore),
                _ => None,
            });
        let remote = matches!(service, Service::Api | Service::Tokens);
        let duration = match (disruption, fault) {
            (Some(Disruption::Slow), _) => state.dice.between(500, 4_000),
            (_, Some(Fault::FailAfter)) if remote => state.dice.between(1_000, 10_000),
            _ if remote => state.dice.between(60, 500),
            _ => state.dice.between(1, 8),
        };
        state.disturbed |= fault.is_some() || disruption.is_some();
        drop(state);
        let suffix = fault.map_or(String::new(), |fault| format!(" {fault:?}"));
        if fault.is_some() || !ROUTINE.contains(&op) {
            self.note(|| format!("{service:?}.{op}{suffix}"));
        }
        (fault, SignedDuration::from_millis(duration))
    }

    async fn pause(&self, duration: SignedDuration) {
        if duration > SignedDuration::ZERO {
            let clock = &self.shared.clock;
            clock.sleep_until(clock.now() + duration).await;
        }
    }

    async fn die<T>(&self) -> T {
        self.process.kill();
        pending().await
    }

    /// Writes to the log, if it is recording.
    pub(crate) fn note(&self, text: impl FnOnce() -> String) {
        let (log, now) = (&self.shared.log, self.shared.clock.now());
        log.note(now, &self.process.name, text);
    }
}
