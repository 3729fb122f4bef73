//! Carries one call from a process to a service.

use std::future::{Future, pending};
use std::sync::Arc;

use jiff::SignedDuration;
use leadfeed_shared::fakes::{Failure, Fault};
use leadfeed_shared::ports::Clock as _;

use super::{Process, ROUTINE, Service, Shared, Weather};

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
        let (strike, takes) = self.meet(service, op);
        match strike {
            Some(Fault::FailBefore) => {
                self.pause(takes).await;
                return Err(E::before());
            }
            Some(Fault::CrashBefore) => self.die().await,
            _ => {}
        }
        let done = effect.await;
        self.pause(takes).await;
        match strike {
            Some(Fault::FailAfter) => done.and_then(|_| Err(E::after())),
            Some(Fault::CrashAfter) => self.die().await,
            _ => done,
        }
    }

    /// The fault for the next call, if any, and how long the call takes.
    fn meet(&self, service: Service, op: &'static str) -> (Option<Fault>, SignedDuration) {
        *self.shared.all_counts().entry((service, op)).or_default() += 1;
        if !self.shared.takes_time {
            return (None, SignedDuration::ZERO);
        }
        let weather = self.shared.weather_at(service);
        let mut life = self.process.life();
        life.calls += 1;
        let planned = life.strike.filter(|(call, _)| *call == life.calls);
        let strike = planned.map(|(_, strike)| strike).or_else(|| match weather {
            Some(Weather::Down) => Some(Fault::FailBefore),
            Some(Weather::Shaky) if life.dice.chance(25) => Some(Fault::FailAfter),
            Some(Weather::Shaky) if life.dice.chance(33) => Some(Fault::FailBefore),
            _ => None,
        });
        let remote = matches!(service, Service::Api | Service::Tokens);
        let takes = match (weather, strike) {
            (Some(Weather::Slow), _) => life.dice.between(500, 4_000),
            (_, Some(Fault::FailAfter)) if remote => life.dice.between(1_000, 10_000),
            _ if remote => life.dice.between(60, 500),
            _ => life.dice.between(1, 8),
        };
        life.struck |= strike.is_some() || weather.is_some();
        drop(life);
        let how = strike.map_or(String::new(), |strike| format!(" {strike:?}"));
        if strike.is_some() || !ROUTINE.contains(&op) {
            self.note(|| format!("{service:?}.{op}{how}"));
        }
        (strike, SignedDuration::from_millis(takes))
    }

    async fn pause(&self, takes: SignedDuration) {
        if takes > SignedDuration::ZERO {
            let clock = &self.shared.clock;
            clock.sleep_until(clock.now() + takes).await;
        }
    }

    async fn die<T>(&self) -> T {
        self.process.kill();
        pending().await
    }

    /// Writes into the log, if it is kept.
    pub(crate) fn note(&self, words: impl FnOnce() -> String) {
        let (log, now) = (&self.shared.log, self.shared.clock.now());
        log.note(now, &self.process.name, words);
    }
}
