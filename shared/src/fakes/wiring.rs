//! The use cases wired to a world in memory.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{
    FakeCrm, Memory, MemoryApps, MemoryBudget, MemoryCaptcha, MemoryDirectory, MemoryEvents,
    MemoryLedger, MemoryQueue, MemoryVault, SeededDice, VirtualClock, samples,
};
use crate::app::admin::Admin;
use crate::app::bulk::Bulk;
use crate::app::connect::{Connect, Site};
use crate::app::count::Counter;
use crate::app::deliver::batch::Message;
use crate::app::deliver::{Drain, News, Served};
use crate::app::intake::{Gate, Intake};
use crate::app::minute::Minute;
use crate::app::release::Released;
use crate::app::token_keeper::{Seen, TokenKeeper};
use crate::domain::keys::SigningKeys;
use crate::ports::{StoreError, Wiring};

/// The name of the stack that a world in memory is.
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
    type Dice = SeededDice;
}

impl Memory {
    /// The keys of this world.
    #[must_use]
    pub fn keys(&self) -> SigningKeys {
        SigningKeys::new("the root of a world in memory".into())
    }

    /// Takes up to ten tasks out of the queue, as the drain gets them.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        samples::messages(&self.queue.receive(10))
    }

    /// Accepts leads.
    #[must_use]
    pub fn intake(&self) -> Intake<Self> {
        Intake {
            directory: self.directory.clone(),
            ledger: self.ledger.clone(),
            queue: self.queue.clone(),
            captcha: self.captcha.clone(),
            clock: self.clock.clone(),
            dice: self.dice.clone(),
            keys: self.keys(),
            gate: Gate::default(),
        }
    }

    /// Keeps tokens, as one function does: it remembers what it has seen.
    #[must_use]
    pub fn keeper(&self) -> TokenKeeper<Self> {
        TokenKeeper {
            directory: self.directory.clone(),
            vault: self.vault.clone(),
            apps: self.apps.clone(),
            oauth: self.crm.clone(),
            budget: self.budget.clone(),
            events: self.events.clone(),
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            dice: self.dice.clone(),
            stack: STACK.to_owned(),
            seen: Seen::default(),
        }
    }

    /// Connects accounts.
    ///
    /// # Panics
    /// Never: the address is one.
    #[must_use]
    pub fn connect(&self) -> Connect<Self> {
        let auth_url = "https://authz.example/oauth2/default/v1".parse();
        Connect {
            directory: self.directory.clone(),
            vault: self.vault.clone(),
            apps: self.apps.clone(),
            oauth: self.crm.clone(),
            crm: self.crm.clone(),
            budget: self.budget.clone(),
            ledger: self.ledger.clone(),
            queue: self.queue.clone(),
            events: self.events.clone(),
            clock: self.clock.clone(),
            dice: self.dice.clone(),
            keys: self.keys(),
            site: Site {
                service: "Leadfeed".to_owned(),
                public_url: "https://leads.example".to_owned(),
                auth_url: auth_url.expect("a URL"),
                pkce: false,
                stack: STACK.to_owned(),
            },
        }
    }

    /// Delivers leads.
    #[must_use]
    pub fn drain(&self) -> Drain<Self> {
        Drain {
            ledger: self.ledger.clone(),
            directory: self.directory.clone(),
            keeper: self.keeper(),
            crm: self.crm.clone(),
            keys: self.keys(),
            counter: Counter::default(),
            news: News::default(),
            served: Served::default(),
        }
    }

    /// Imports leads.
    #[must_use]
    pub fn bulk(&self) -> Bulk<Self> {
        Bulk {
            ledger: self.ledger.clone(),
            directory: self.directory.clone(),
            keeper: self.keeper(),
            crm: self.crm.clone(),
            keys: self.keys(),
            counter: Counter::default(),
        }
    }

    /// A minute's work.
    #[must_use]
    pub fn minute(&self) -> Minute<Self> {
        Minute {
            bulk: self.bulk(),
            ledger: self.ledger.clone(),
            directory: self.directory.clone(),
            queue: self.queue.clone(),
            apps: self.apps.clone(),
            budget: self.budget.clone(),
            clock: self.clock.clone(),
        }
    }

    /// Releases leads as a minute does in which no import gathers any.
    ///
    /// # Errors
    /// Those of [`Minute::release`].
    pub async fn release(&self) -> Result<Released, StoreError> {
        self.minute().release(&BTreeSet::new()).await
    }

    /// The operator's use cases.
    #[must_use]
    pub fn admin(&self) -> Admin<Self> {
        Admin {
            directory: self.directory.clone(),
            ledger: self.ledger.clone(),
            queue: self.queue.clone(),
            dead_letters: self.dead_letters.clone(),
            vault: self.vault.clone(),
            apps: self.apps.clone(),
            captcha: self.captcha.clone(),
            budget: self.budget.clone(),
            events: self.events.clone(),
            clock: self.clock.clone(),
            dice: self.dice.clone(),
            keys: self.keys(),
            public_url: "https://leads.example".to_owned(),
            oldest_lead_alarm: SignedDuration::from_hours(2),
            quarantine_alarm: 100,
        }
    }
}
