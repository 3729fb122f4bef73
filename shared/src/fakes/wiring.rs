//! The use cases wired to a world in memory.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{
    FakeCrm, Memory, MemoryApps, MemoryBudget, MemoryCaptcha, MemoryDirectory, MemoryEvents,
    MemoryLedger, MemoryQueue, MemoryVault, Ports, SeededRandom, VirtualClock, samples,
};
use crate::app::admin::Admin;
use crate::app::bulk::Bulk;
use crate::app::connect::Connect;
use crate::app::deliver::{Drain, Message};
use crate::app::intake::{Accepted, Intake};
use crate::app::scheduler::Released;
use crate::app::scheduler::Scheduler;
use crate::app::token_keeper::TokenKeeper;
use crate::domain::connection::Connection;
use crate::domain::form::Form;
use crate::domain::keys::SigningKeys;
use crate::domain::token::Tokens;
use crate::ports::{Clock as _, StoreError, Wiring};

/// The stack's name in a world in memory.
pub const STACK: &str = "memory";

impl Wiring for Memory {
    type Directory = MemoryDirectory;
    type Ledger = MemoryLedger;
    type Queue = MemoryQueue;
    type Vault = MemoryVault;
    type Apps = MemoryApps;
    type Budget = MemoryBudget;
    type OAuth = FakeCrm;
    type Crm = FakeCrm;
    type Captcha = MemoryCaptcha;
    type Events = MemoryEvents;
    type Clock = VirtualClock;
    type SecureRandom = SeededRandom;
}

impl Memory {
    /// The keys of this world.
    #[must_use]
    pub fn keys(&self) -> SigningKeys {
        SigningKeys::new("the root of a world in memory".into())
    }

    /// Takes up to ten tasks out of the queue, in the form that the drain receives.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        samples::messages(&self.queue.receive(10))
    }

    /// Every port.
    #[must_use]
    pub fn ports(&self) -> Ports<Self> {
        Ports {
            directory: self.directory.clone(),
            ledger: self.ledger.clone(),
            queue: self.queue.clone(),
            dead_letters: self.dead_letters.clone(),
            vault: self.vault.clone(),
            apps: self.apps.clone(),
            budget: self.budget.clone(),
            oauth: self.crm.clone(),
            crm: self.crm.clone(),
            captcha: self.captcha.clone(),
            events: self.events.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            keys: self.keys(),
            stack: STACK.to_owned(),
            public_url: "https://leads.example".to_owned(),
        }
    }

    /// Connects a customer by this row, and returns tokens just granted to the account's owner.
    pub async fn put_connected(&self, connection: Connection, client_id: &str) -> Tokens {
        let tokens = self.crm.connect(&connection.account.id, client_id);
        self.ports().store(connection, tokens.clone()).await;
        tokens
    }

    /// Accepts leads.
    #[must_use]
    pub fn intake(&self) -> Intake<Self> {
        self.ports().intake()
    }

    /// A visitor fills in a form with these fields, and ticks its box.
    ///
    /// # Panics
    /// If the form does not accept that.
    pub async fn sign_up(&self, form: &Form, fields: &[(&str, &str)]) -> Accepted {
        let fields = fields.iter().copied().chain([("consent", "yes")]);
        let taken = self.intake().take(form, samples::arrival(fields)).await;
        taken.expect("the form accepts the lead")
    }

    /// Keeps tokens, as one function does, with its cache.
    #[must_use]
    pub fn keeper(&self) -> TokenKeeper<Self> {
        self.ports().keeper()
    }

    /// Connects accounts.
    #[must_use]
    pub fn connect(&self) -> Connect<Self> {
        self.ports().connect()
    }

    /// Delivers leads.
    #[must_use]
    pub fn drain(&self) -> Drain<Self> {
        self.ports().drain()
    }

    /// Drains the queue, with each message received once.
    ///
    /// # Panics
    /// If a message is handed back.
    pub async fn drain_all(&self) {
        loop {
            let messages = self.messages();
            if messages.is_empty() {
                return;
            }
            let deadline = self.clock.now() + SignedDuration::from_secs(60);
            let again = self.drain().drain(messages, deadline).await;
            assert!(again.is_empty(), "{again:?}");
        }
    }

    /// Imports leads.
    #[must_use]
    pub fn bulk(&self) -> Bulk<Self> {
        self.ports().bulk()
    }

    /// The scheduler.
    #[must_use]
    pub fn scheduler(&self) -> Scheduler<Self> {
        self.ports().scheduler()
    }

    /// Releases leads as in a minute in which no import gathers any.
    ///
    /// # Errors
    /// Those of [`Scheduler::release`].
    pub async fn release(&self) -> Result<Released, StoreError> {
        self.scheduler().release(&BTreeSet::new()).await
    }

    /// The operator's use cases.
    #[must_use]
    pub fn admin(&self) -> Admin<Self> {
        self.ports().admin()
    }
}
