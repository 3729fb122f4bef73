//! Fault injection between a process and its services: wraps a port in memory with everything that can go wrong
//! on the way.
//!
//! A call takes time, may be refused, may lose its answer, and may be the last thing its process does; if it changes
//! something that the oracle watches, the oracle records it at the same instant. Guards are removed here for the
//! mutation check, so that the use cases need no hooks.

mod guard;
mod ledger;
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

/// How a service misbehaves for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disruption {
    /// Every call is refused.
    Down,
    /// Every other call is refused, or its answer lost.
    Flaky,
    /// Every call takes seconds.
    Slow,
}

/// A running function, with the fault that is planned for it, and whether it is alive.
#[derive(Debug)]
pub struct Process {
    /// Its name in the log.
    pub name: String,
    state: Mutex<ProcessState>,
}

#[derive(Debug)]
struct ProcessState {
    dice: Dice,
    /// The fault to inject at the call with this number.
    fault: Option<(u64, Fault)>,
    calls: u64,
    disturbed: bool,
    dead: bool,
}

impl Process {
    /// A process without faults.
    #[must_use]
    pub fn new(name: String, dice: Dice) -> Self {
        let state = Mutex::new(ProcessState {
            dice,
            fault: None,
            calls: 0,
            disturbed: false,
            dead: false,
        });
        Self { name, state }
    }

    /// Begins an invocation, perhaps with a planned fault.
    pub fn begin(&self, fault: Option<(u64, Fault)>) {
        let mut state = self.state();
        (state.calls, state.fault, state.disturbed) = (0, fault, false);
    }

    /// Whether it was killed.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// Whether a fault or a disruption was injected in this invocation.
    #[must_use]
    pub fn was_disturbed(&self) -> bool {
        self.state().disturbed
    }

    /// Kills it.
    pub fn kill(&self) {
        self.state().dead = true;
    }

    fn state(&self) -> MutexGuard<'_, ProcessState> {
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
    disruptions: Mutex<BTreeMap<Service, (Disruption, Timestamp)>>,
    /// How late waiting leads are listed, and until when.
    listing_delay: Mutex<Option<(SignedDuration, Timestamp)>>,
    counts: Mutex<BTreeMap<(Service, &'static str), u64>>,
    log: Log,
}

impl Shared {
    /// Without any disruption.
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
            disruptions: Mutex::default(),
            listing_delay: Mutex::default(),
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

    /// Disrupts a service until the given time.
    pub fn disrupt(&self, service: Service, disruption: Disruption, until: Timestamp) {
        self.lock_disruptions().insert(service, (disruption, until));
    }

    /// Delays the listing of waiting leads until the given time.
    pub fn delay_listing(&self, delay: SignedDuration, until: Timestamp) {
        *self.lock_listing_delay() = Some((delay, until));
    }

    /// Ends every disruption.
    pub fn end_disruptions(&self) {
        self.lock_disruptions().clear();
        *self.lock_listing_delay() = None;
    }

    /// Only leads that have waited since this time are listed now.
    fn listing_horizon(&self) -> Timestamp {
        let now = self.clock.now();
        let delay = self.lock_listing_delay().filter(|(_, until)| *until > now);
        delay.map_or(now, |(delay, _)| now - delay)
    }

    /// How often each operation was called.
    pub fn counts(&self) -> BTreeMap<(Service, &'static str), u64> {
        self.lock_counts().clone()
    }

    /// Whether a guard is removed.
    #[must_use]
    pub fn lacks(&self, guard: Guard) -> bool {
        self.without == Some(guard)
    }

    fn disruption_of(&self, service: Service) -> Option<Disruption> {
        let disruptions = self.lock_disruptions();
        let (disruption, until) = disruptions.get(&service)?;
        (*until > self.clock.now()).then_some(*disruption)
    }

    fn lock_disruptions(&self) -> MutexGuard<'_, BTreeMap<Service, (Disruption, Timestamp)>> {
        locked(&self.disruptions)
    }

    fn lock_listing_delay(&self) -> MutexGuard<'_, Option<(SignedDuration, Timestamp)>> {
        locked(&self.listing_delay)
    }

    fn lock_counts(&self) -> MutexGuard<'_, BTreeMap<(Service, &'static str), u64>> {
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
pub struct ProcessContext {
    /// The ports.
    pub memory: Memory,
    /// The process's line to them.
    pub line: Line,
}

impl ProcessContext {
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
        let record = self.port.peek(customer, lead);
        let timeline = record.map(|record| record.timeline).unwrap_or_default();
        timeline.last().is_none_or(|line| line.at <= since)
    }

    /// Shows a lead's new state to the oracle.
    fn observe(&self, customer: &CustomerId, lead: &LeadId) {
        if let Some(record) = self.port.peek(customer, lead) {
            self.line
                .shared
                .oracle()
                .observe_lead(&self.line.process, &record);
        }
    }
}
