//! The ports in memory: real implementations of their promises, for tests and simulation.
//!
//! Each is a cheap clone around one mutex, so every port call is one atomic step. A call yields once before its step,
//! so the executor decides how concurrent use cases interleave; [`Faults`] decides which step fails.

mod admin_tokens;
mod apps;
mod budget;
mod captcha;
mod cell;
mod claims;
mod clock;
mod connections;
mod counters;
mod crm;
mod directory;
mod erasures;
mod events;
mod exits;
mod faults;
mod handshakes;
mod idempotency;
mod imports;
mod lanes;
mod ledger;
mod ledger_rows;
mod links;
mod locks;
mod metrics;
mod ports;
mod queue;
mod random;
pub mod samples;
mod subjects;
mod suppressions;
mod tallies;
mod vault;
mod wiring;

pub use admin_tokens::MemoryTokens;
pub use apps::MemoryApps;
pub use budget::MemoryBudget;
pub use captcha::MemoryCaptcha;
pub use clock::VirtualClock;
pub use crm::{Call, FakeCrm, RemoteContact, RemoteLimits, RemotePermission, TokenKind};
pub use directory::MemoryDirectory;
pub use events::MemoryEvents;
pub use faults::{Failure, Fault, Faults, run_ready};
pub use ledger::MemoryLedger;
pub use metrics::MemoryMetrics;
pub use ports::Ports;
pub use queue::MemoryQueue;
pub use random::SeededRandom;
pub use vault::MemoryVault;
pub use wiring::STACK;

use jiff::Timestamp;

use crate::domain::ids::AppId;

/// A whole world in memory, all of it under one set of [`Faults`] and one clock.
///
/// Both [`MemoryApps`] and [`FakeCrm`] know the default application.
#[derive(Debug, Clone)]
pub struct Memory {
    /// The time.
    pub clock: VirtualClock,
    /// Randomness.
    pub random: SeededRandom,
    /// Which steps fail.
    pub faults: Faults,
    /// Customers, forms, connections, handshakes, links.
    pub directory: MemoryDirectory,
    /// Leads.
    pub ledger: MemoryLedger,
    /// Tasks.
    pub queue: MemoryQueue,
    /// The dead-letter queue, for messages on which drains failed.
    pub dead_letters: MemoryQueue,
    /// Tokens.
    pub vault: MemoryVault,
    /// Applications.
    pub apps: MemoryApps,
    /// The budgets of calls.
    pub budget: MemoryBudget,
    /// Events.
    pub events: MemoryEvents,
    /// The providers of captchas.
    pub captcha: MemoryCaptcha,
    /// The fake Constant Contact.
    pub crm: FakeCrm,
}

impl Memory {
    /// An empty world at `now`, in which waiting advances the time.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self::with_clock(VirtualClock::auto_advancing(now), 0)
    }

    /// An empty world with the caller's clock and randomness.
    #[must_use]
    pub fn with_clock(clock: VirtualClock, seed: u64) -> Self {
        let faults = Faults::default();
        let apps = MemoryApps::new(&faults);
        let crm = FakeCrm::new(clock.clone(), &faults);
        apps.set(&AppId::default_app(), "client", "client-secret");
        crm.register("client", "client-secret");
        Self {
            queue: MemoryQueue::new(&faults, clock.clone()),
            dead_letters: MemoryQueue::new(&faults, clock.clone()),
            clock,
            random: SeededRandom::new(seed),
            directory: MemoryDirectory::new(&faults),
            ledger: MemoryLedger::new(&faults),
            vault: MemoryVault::new(&faults),
            budget: MemoryBudget::new(&faults),
            events: MemoryEvents::new(&faults),
            captcha: MemoryCaptcha::new(&faults),
            faults,
            apps,
            crm,
        }
    }
}
