//! The way from one process to the services it uses: a port in memory, with all that can happen on the way.
//!
//! A call takes time, may be refused, may lose its answer, and may be the last thing its process does; where it
//! changes something that the oracle watches, the oracle is told in the same instant. Guards that are taken away for
//! the mutation check are taken away here, so that the use cases need no hooks.

mod guard;
mod ports;
mod remote;

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::crm::CrmError;
use leadfeed_shared::fakes::{
    FakeCrm, Memory, MemoryApps, MemoryBudget, MemoryCaptcha, MemoryDirectory, MemoryEvents,
    MemoryLedger, MemoryQueue, MemoryVault, SeededDice, VirtualClock,
};
use leadfeed_shared::ports::{Clock as _, StoreError, TokenError, Wiring};

pub use self::guard::Guard;
use crate::dice::Dice;
use crate::log::Log;
use crate::oracle::Oracle;

/// What processes call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// The table of customers, connections and budgets.
    Directory,
    /// The table of leads.
    Ledger,
    /// The queue.
    Queue,
    /// The store of secrets.
    Vault,
    /// The event bus.
    Bus,
    /// A captcha's provider.
    Captcha,
    /// Constant Contact.
    Api,
    /// Its token endpoint.
    Tokens,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Directory,
        Self::Ledger,
        Self::Queue,
        Self::Vault,
        Self::Bus,
        Self::Captcha,
        Self::Api,
        Self::Tokens,
    ];
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// It fails without an effect.
    Refused,
    /// It has its effect, and its answer is lost.
    AnswerLost,
    /// The process is killed before it.
    KilledBefore,
    /// The process is killed once the effect is there.
    KilledAfter,
}

/// What the scheduler looks at every minute, which fills no log.
const ROUTINE: [&str; 10] = [
    "due_imports",
    "due_lanes",
    "overdue",
    "idle",
    "unsettled",
    "lost",
    "limits",
    "state",
    "waiting",
    "lane",
];

/// How a service behaves for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Every call is refused.
    Down,
    /// Every other call is refused, or its answer lost.
    Shaky,
    /// Every call takes seconds.
    Slow,
}

/// One function at work: what is to happen to it, and whether it lives.
#[derive(Debug)]
pub struct Process {
    /// Names it in the log.
    pub name: String,
    state: Mutex<Life>,
}

#[derive(Debug)]
struct Life {
    dice: Dice,
    /// At its call of this number.
    strike: Option<(u64, Strike)>,
    calls: u64,
    struck: bool,
    dead: bool,
}

impl Process {
    /// A process to which nothing happens.
    #[must_use]
    pub fn new(name: String, dice: Dice) -> Self {
        let state = Mutex::new(Life {
            dice,
            strike: None,
            calls: 0,
            struck: false,
            dead: false,
        });
        Self { name, state }
    }

    /// Begins an invocation, to which something may happen.
    pub fn begin(&self, strike: Option<(u64, Strike)>) {
        let mut life = self.life();
        (life.calls, life.strike, life.struck) = (0, strike, false);
    }

    /// Whether it was killed.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.life().dead
    }

    /// Whether anything has gone wrong in this invocation that is none of its doing.
    #[must_use]
    pub fn was_struck(&self) -> bool {
        self.life().struck
    }

    /// Kills it.
    pub fn kill(&self) {
        self.life().dead = true;
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all processes have in common.
pub struct Shared {
    /// The time.
    pub clock: VirtualClock,
    /// Whether calls take time.
    pub takes_time: bool,
    /// The guard that is taken away.
    pub without: Option<Guard>,
    oracle: Mutex<Oracle>,
    weather: Mutex<BTreeMap<Service, (Weather, Timestamp)>>,
    counts: Mutex<BTreeMap<(Service, &'static str), u64>>,
    log: Log,
}

impl Shared {
    /// Fair weather.
    #[must_use]
    pub fn new(
        clock: VirtualClock,
        takes_time: bool,
        without: Option<Guard>,
        oracle: Oracle,
        log: Log,
    ) -> Self {
        Self {
            clock,
            takes_time,
            without,
            oracle: Mutex::new(oracle),
            weather: Mutex::default(),
            counts: Mutex::default(),
            log,
        }
    }

    /// Who watches.
    pub fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happened.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Changes how a service behaves until a moment.
    pub fn set_weather(&self, service: Service, weather: Weather, until: Timestamp) {
        self.all_weather().insert(service, (weather, until));
    }

    /// Ends every outage.
    pub fn clear_weather(&self) {
        self.all_weather().clear();
    }

    /// How often each operation was called.
    pub fn counts(&self) -> BTreeMap<(Service, &'static str), u64> {
        self.all_counts().clone()
    }

    /// Whether a guard is taken away.
    #[must_use]
    pub fn lacks(&self, guard: Guard) -> bool {
        self.without == Some(guard)
    }

    fn weather_at(&self, service: Service) -> Option<Weather> {
        let weather = self.all_weather();
        let (weather, until) = weather.get(&service)?;
        (*until > self.clock.now()).then_some(*weather)
    }

    fn all_weather(&self) -> MutexGuard<'_, BTreeMap<Service, (Weather, Timestamp)>> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_counts(&self) -> MutexGuard<'_, BTreeMap<(Service, &'static str), u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One process's end of every wire.
#[derive(Clone)]
pub struct Line {
    /// What it has in common with the others.
    pub shared: Arc<Shared>,
    /// Which one.
    pub process: Arc<Process>,
}

/// An error that can be made up.
pub(crate) trait Lost {
    /// The call had no effect.
    fn not_done() -> Self;
    /// Nobody knows.
    fn unknown() -> Self;
}

impl Lost for StoreError {
    fn not_done() -> Self {
        Self::new("simulated: refused")
    }

    fn unknown() -> Self {
        Self::new("simulated: the answer was lost")
    }
}

impl Lost for CrmError {
    fn not_done() -> Self {
        Self::Unavailable
    }

    fn unknown() -> Self {
        Self::AnswerLost
    }
}

impl Lost for TokenError {
    fn not_done() -> Self {
        Self::Unavailable
    }

    fn unknown() -> Self {
        Self::AnswerLost
    }
}

impl Line {
    /// One call.
    pub(crate) async fn call<R, E: Lost>(
        &self,
        service: Service,
        op: &'static str,
        effect: impl Future<Output = Result<R, E>> + Send,
    ) -> Result<R, E> {
        let (strike, takes) = self.meet(service, op);
        match strike {
            Some(Strike::Refused) => {
                self.pause(takes).await;
                return Err(E::not_done());
            }
            Some(Strike::KilledBefore) => self.die().await,
            _ => {}
        }
        let done = effect.await;
        self.pause(takes).await;
        match strike {
            Some(Strike::AnswerLost) => done.and_then(|_| Err(E::unknown())),
            Some(Strike::KilledAfter) => self.die().await,
            _ => done,
        }
    }

    /// What is to happen to the next call, and how long it takes.
    fn meet(&self, service: Service, op: &'static str) -> (Option<Strike>, SignedDuration) {
        *self.shared.all_counts().entry((service, op)).or_default() += 1;
        if !self.shared.takes_time {
            return (None, SignedDuration::ZERO);
        }
        let weather = self.shared.weather_at(service);
        let mut life = self.process.life();
        life.calls += 1;
        let planned = life.strike.filter(|(call, _)| *call == life.calls);
        let strike = planned.map(|(_, strike)| strike).or_else(|| match weather {
            Some(Weather::Down) => Some(Strike::Refused),
            Some(Weather::Shaky) if life.dice.chance(25) => Some(Strike::AnswerLost),
            Some(Weather::Shaky) if life.dice.chance(33) => Some(Strike::Refused),
            _ => None,
        });
        let remote = matches!(service, Service::Api | Service::Tokens);
        let takes = match (weather, strike) {
            (Some(Weather::Slow), _) => life.dice.between(500, 4_000),
            (_, Some(Strike::AnswerLost)) if remote => life.dice.between(1_000, 10_000),
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

    /// Writes into the log, if anybody reads it.
    pub(crate) fn note(&self, words: impl FnOnce() -> String) {
        let (log, now) = (&self.shared.log, self.shared.clock.now());
        log.note(now, &self.process.name, words);
    }
}

/// A port at the end of a line.
#[derive(Clone)]
pub struct Wire<P> {
    pub(crate) port: P,
    pub(crate) line: Line,
}

/// The ports in memory, each at the end of a line.
pub struct Wired;

impl Wiring for Wired {
    type Directory = Wire<MemoryDirectory>;
    type Ledger = Wire<MemoryLedger>;
    type Queue = Wire<MemoryQueue>;
    type Vault = Wire<MemoryVault>;
    type Apps = Wire<MemoryApps>;
    type Budget = Wire<MemoryBudget>;
    type OAuth = Wire<FakeCrm>;
    type Crm = Wire<FakeCrm>;
    type Captcha = Wire<MemoryCaptcha>;
    type Events = Wire<MemoryEvents>;
    type Clock = VirtualClock;
    type Dice = SeededDice;
}

/// A world in memory as one process reaches it.
#[derive(Clone)]
pub struct Reach {
    /// The ports.
    pub memory: Memory,
    /// The way to them.
    pub line: Line,
}

impl Reach {
    pub(crate) fn wire<P: Clone>(&self, port: &P) -> Wire<P> {
        Wire {
            port: port.clone(),
            line: self.line.clone(),
        }
    }
}
