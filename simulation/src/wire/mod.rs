//! Fault injection between a process and its services: wraps a port in memory with all that can happen on the way.
//!
//! A call takes time, may be refused, may lose its answer, and may be the last thing its process does; if it changes
//! something that the oracle watches, the oracle is told in the same instant. Guards are removed here for the mutation
//! check, so that the use cases need no hooks.

mod guard;
mod line;
mod ports;
mod queue;
mod remote;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::ids::{CustomerId, LeadId};
use leadfeed_shared::fakes::{
    FakeCrm, Fault, Memory, MemoryApps, MemoryBudget, MemoryCaptcha, MemoryDirectory, MemoryEvents,
    MemoryLedger, MemoryQueue, MemoryVault, Ports, SeededRandom, VirtualClock,
};
use leadfeed_shared::locked;
use leadfeed_shared::ports::{Clock as _, Wiring};

pub use self::guard::Guard;
pub use self::line::Line;
use crate::dice::Dice;
use crate::log::Log;
use crate::oracle::Oracle;

/// The services that processes call.
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

/// The scheduler's reads of every minute, which are not logged.
const ROUTINE: [&str; 9] = [
    "due_imports",
    "due_lanes",
    "overdue",
    "idle",
    "unsettled",
    "lost",
    "limits",
    "state",
    "waiting",
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

/// A running function, with the fault it is to meet, and whether it is alive.
#[derive(Debug)]
pub struct Process {
    /// Its name in the log.
    pub name: String,
    state: Mutex<Life>,
}

#[derive(Debug)]
struct Life {
    dice: Dice,
    /// The fault to inject at the call with this number.
    strike: Option<(u64, Fault)>,
    calls: u64,
    struck: bool,
    dead: bool,
}

impl Process {
    /// A process without faults.
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

    /// Begins an invocation, which may meet a fault.
    pub fn begin(&self, strike: Option<(u64, Fault)>) {
        let mut life = self.life();
        (life.calls, life.strike, life.struck) = (0, strike, false);
    }

    /// Whether it was killed.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.life().dead
    }

    /// Whether anything has gone wrong in this invocation that is not its own fault.
    #[must_use]
    pub fn was_struck(&self) -> bool {
        self.life().struck
    }

    /// Kills it.
    pub fn kill(&self) {
        self.life().dead = true;
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        locked(&self.state)
    }
}

/// What all processes share.
pub struct Shared {
    /// The time.
    pub clock: VirtualClock,
    /// Whether calls take time.
    pub takes_time: bool,
    /// The guard that is removed.
    pub without: Option<Guard>,
    oracle: Mutex<Oracle>,
    weather: Mutex<BTreeMap<Service, (Weather, Timestamp)>>,
    /// How late waiting leads are listed, and until when.
    late: Mutex<Option<(SignedDuration, Timestamp)>>,
    counts: Mutex<BTreeMap<(Service, &'static str), u64>>,
    log: Log,
}

impl Shared {
    /// Without any outage.
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
            late: Mutex::default(),
            counts: Mutex::default(),
            log,
        }
    }

    /// The oracle.
    pub fn oracle(&self) -> MutexGuard<'_, Oracle> {
        locked(&self.oracle)
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Changes how a service behaves until a moment.
    pub fn set_weather(&self, service: Service, weather: Weather, until: Timestamp) {
        self.all_weather().insert(service, (weather, until));
    }

    /// Delays the listing of waiting leads until a moment.
    pub fn list_late(&self, by: SignedDuration, until: Timestamp) {
        *self.late() = Some((by, until));
    }

    /// Ends every outage.
    pub fn clear_weather(&self) {
        self.all_weather().clear();
        *self.late() = None;
    }

    /// Only leads that have waited since then are listed by now.
    fn listed_by(&self) -> Timestamp {
        let now = self.clock.now();
        let late = self.late().filter(|(_, until)| *until > now);
        late.map_or(now, |(by, _)| now - by)
    }

    /// How often each operation was called.
    pub fn counts(&self) -> BTreeMap<(Service, &'static str), u64> {
        self.all_counts().clone()
    }

    /// Whether a guard is removed.
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
        locked(&self.weather)
    }

    fn late(&self) -> MutexGuard<'_, Option<(SignedDuration, Timestamp)>> {
        locked(&self.late)
    }

    fn all_counts(&self) -> MutexGuard<'_, BTreeMap<(Service, &'static str), u64>> {
        locked(&self.counts)
    }
}

/// A port with a process's line in front.
#[derive(Clone)]
pub struct Wire<P> {
    pub(crate) port: P,
    pub(crate) line: Line,
}

/// The wiring of ports in memory, each behind a line.
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
    type SecureRandom = SeededRandom;
}

/// A world in memory as seen by one process.
#[derive(Clone)]
pub struct Reach {
    /// The ports.
    pub memory: Memory,
    /// The process's line to them.
    pub line: Line,
}

impl Reach {
    /// The ports behind its line.
    #[must_use]
    pub fn ports(&self) -> Ports<Wired> {
        let memory = self.memory.ports();
        Ports {
            directory: self.wire(memory.directory),
            ledger: self.wire(memory.ledger),
            queue: self.wire(memory.queue),
            dead_letters: self.wire(memory.dead_letters),
            vault: self.wire(memory.vault),
            apps: self.wire(memory.apps),
            budget: self.wire(memory.budget),
            oauth: self.wire(memory.oauth),
            crm: self.wire(memory.crm),
            captcha: self.wire(memory.captcha),
            events: self.wire(memory.events),
            clock: memory.clock,
            random: memory.random,
            keys: memory.keys,
            stack: memory.stack,
            public_url: memory.public_url,
        }
    }

    fn wire<P>(&self, port: P) -> Wire<P> {
        Wire {
            port,
            line: self.line.clone(),
        }
    }
}

impl Wire<MemoryLedger> {
    /// Whether a lead's state has not changed since then.
    fn has_waited_since(&self, customer: &CustomerId, lead: &LeadId, since: Timestamp) -> bool {
        let record = self.port.look(customer, lead);
        let lines = record.map(|record| record.timeline).unwrap_or_default();
        lines.last().is_none_or(|line| line.at <= since)
    }

    /// Shows a lead's new state to the oracle.
    fn look(&self, customer: &CustomerId, lead: &LeadId) {
        if let Some(record) = self.port.look(customer, lead) {
            self.line.shared.oracle().sees(&self.line.process, &record);
        }
    }
}
