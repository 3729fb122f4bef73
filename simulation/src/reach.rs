//! The use cases as one process has them.

use jiff::SignedDuration;
use leadfeed_shared::app::admin::Admin;
use leadfeed_shared::app::bulk::Bulk;
use leadfeed_shared::app::connect::{Connect, Site};
use leadfeed_shared::app::count::Counter;
use leadfeed_shared::app::deliver::{Drain, News, Served};
use leadfeed_shared::app::intake::{Gate, Intake};
use leadfeed_shared::app::minute::Minute;
use leadfeed_shared::app::token_keeper::{Seen, TokenKeeper};
use leadfeed_shared::fakes::STACK;

use crate::wire::{Reach, Wired};

/// Where the stack is said to be.
const PUBLIC_URL: &str = "https://leads.example";

impl Reach {
    pub fn intake(&self) -> Intake<Wired> {
        Intake {
            directory: self.wire(&self.memory.directory),
            ledger: self.wire(&self.memory.ledger),
            queue: self.wire(&self.memory.queue),
            captcha: self.wire(&self.memory.captcha),
            clock: self.memory.clock.clone(),
            dice: self.memory.dice.clone(),
            keys: self.memory.keys(),
            gate: Gate::default(),
        }
    }

    pub fn keeper(&self) -> TokenKeeper<Wired> {
        TokenKeeper {
            directory: self.wire(&self.memory.directory),
            vault: self.wire(&self.memory.vault),
            apps: self.wire(&self.memory.apps),
            oauth: self.wire(&self.memory.crm),
            budget: self.wire(&self.memory.budget),
            events: self.wire(&self.memory.events),
            ledger: self.wire(&self.memory.ledger),
            clock: self.memory.clock.clone(),
            dice: self.memory.dice.clone(),
            stack: STACK.to_owned(),
            seen: Seen::default(),
        }
    }

    pub fn drain(&self) -> Drain<Wired> {
        Drain {
            ledger: self.wire(&self.memory.ledger),
            directory: self.wire(&self.memory.directory),
            keeper: self.keeper(),
            crm: self.wire(&self.memory.crm),
            keys: self.memory.keys(),
            counter: Counter::default(),
            news: News::default(),
            served: Served::default(),
        }
    }

    pub fn minute(&self) -> Minute<Wired> {
        Minute {
            bulk: Bulk {
                ledger: self.wire(&self.memory.ledger),
                directory: self.wire(&self.memory.directory),
                keeper: self.keeper(),
                crm: self.wire(&self.memory.crm),
                keys: self.memory.keys(),
                counter: Counter::default(),
            },
            ledger: self.wire(&self.memory.ledger),
            directory: self.wire(&self.memory.directory),
            queue: self.wire(&self.memory.queue),
            apps: self.wire(&self.memory.apps),
            budget: self.wire(&self.memory.budget),
            clock: self.memory.clock.clone(),
        }
    }

    pub fn connect(&self) -> Connect<Wired> {
        let auth_url = "https://authz.example/oauth2/default/v1".parse();
        Connect {
            directory: self.wire(&self.memory.directory),
            vault: self.wire(&self.memory.vault),
            apps: self.wire(&self.memory.apps),
            oauth: self.wire(&self.memory.crm),
            crm: self.wire(&self.memory.crm),
            budget: self.wire(&self.memory.budget),
            ledger: self.wire(&self.memory.ledger),
            queue: self.wire(&self.memory.queue),
            events: self.wire(&self.memory.events),
            clock: self.memory.clock.clone(),
            dice: self.memory.dice.clone(),
            keys: self.memory.keys(),
            site: Site {
                service: "Leadfeed".to_owned(),
                public_url: PUBLIC_URL.to_owned(),
                auth_url: auth_url.expect("a URL"),
                pkce: false,
                stack: STACK.to_owned(),
            },
        }
    }

    pub fn admin(&self) -> Admin<Wired> {
        Admin {
            directory: self.wire(&self.memory.directory),
            ledger: self.wire(&self.memory.ledger),
            queue: self.wire(&self.memory.queue),
            dead_letters: self.wire(&self.memory.dead_letters),
            vault: self.wire(&self.memory.vault),
            apps: self.wire(&self.memory.apps),
            captcha: self.wire(&self.memory.captcha),
            budget: self.wire(&self.memory.budget),
            events: self.wire(&self.memory.events),
            clock: self.memory.clock.clone(),
            dice: self.memory.dice.clone(),
            keys: self.memory.keys(),
            public_url: PUBLIC_URL.to_owned(),
            oldest_lead_alarm: SignedDuration::from_hours(2),
            quarantine_alarm: 100,
        }
    }
}
