use jiff::SignedDuration;

use crate::app::admin::Admin;
use crate::app::bulk::Bulk;
use crate::app::connect::{Connect, Site};
use crate::app::deliver::{CallsToday, Drain, PendingEvents};
use crate::app::intake::{Intake, RateLimiter};
use crate::app::scheduler::Scheduler;
use crate::app::tally_buffer::TallyBuffer;
use crate::app::token_keeper::{TokenCache, TokenKeeper};
use crate::domain::connection::Connection;
use crate::domain::keys::SigningKeys;
use crate::domain::token::{StoredTokens, Tokens};
use crate::ports::{Connections as _, StoreOutcome, Vault as _, Wiring};

/// Every port of a stack, and the use cases over them. Each use case starts like a new process: it shares no cache with
/// another.
pub struct Ports<W: Wiring> {
    /// Customers, forms, connections, handshakes, links.
    pub directory: W::Directory,
    /// Leads.
    pub ledger: W::Ledger,
    /// Tasks.
    pub queue: W::Queue,
    /// The dead-letter queue, for messages on which drains failed.
    pub dead_letters: W::Queue,
    /// Tokens.
    pub vault: W::Vault,
    /// Applications.
    pub apps: W::Apps,
    /// The budgets of calls.
    pub budget: W::Budget,
    /// The token endpoint.
    pub oauth: W::OAuth,
    /// The API.
    pub crm: W::Crm,
    /// The providers of captchas.
    pub captcha: W::Captcha,
    /// Events.
    pub events: W::Events,
    /// The time.
    pub clock: W::Clock,
    /// Randomness.
    pub random: W::SecureRandom,
    /// What consents, links and sessions are signed with.
    pub keys: SigningKeys,
    /// The name of the stack.
    pub stack: String,
    /// Its address as browsers see it, without a closing slash.
    pub public_url: String,
}

impl<W: Wiring> Ports<W> {
    /// Stores tokens, and the row that makes them count until they end.
    ///
    /// # Panics
    /// If a store fails, or has newer ones.
    pub async fn store(&self, connection: Connection, tokens: Tokens) {
        let row = Connection {
            token_expires_at: tokens.expires_at,
            ..connection
        };
        let pair = StoredTokens {
            generation: row.generation,
            tokens,
        };
        let kept = self.vault.store(&row.customer, &pair).await;
        assert_eq!(kept.expect("the vault does not fail"), StoreOutcome::Stored);
        let put = self.directory.put_connection(&row).await;
        assert!(put.expect("the directory does not fail"));
    }

    /// Accepts leads.
    #[must_use]
    pub fn intake(&self) -> Intake<W> {
        Intake {
            directory: self.directory.clone(),
            ledger: self.ledger.clone(),
            queue: self.queue.clone(),
            captcha: self.captcha.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            keys: self.keys.clone(),
            limiter: RateLimiter::default(),
        }
    }

    /// Keeps tokens.
    #[must_use]
    pub fn keeper(&self) -> TokenKeeper<W> {
        TokenKeeper {
            directory: self.directory.clone(),
            vault: self.vault.clone(),
            apps: self.apps.clone(),
            oauth: self.oauth.clone(),
            budget: self.budget.clone(),
            events: self.events.clone(),
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            stack: self.stack.clone(),
            cache: TokenCache::default(),
        }
    }

    /// Connects accounts.
    ///
    /// # Panics
    /// Never: the address is valid.
    #[must_use]
    pub fn connect(&self) -> Connect<W> {
        let auth_url = "https://authz.example/oauth2/default/v1".parse();
        Connect {
            directory: self.directory.clone(),
            vault: self.vault.clone(),
            apps: self.apps.clone(),
            oauth: self.oauth.clone(),
            crm: self.crm.clone(),
            budget: self.budget.clone(),
            ledger: self.ledger.clone(),
            queue: self.queue.clone(),
            events: self.events.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            keys: self.keys.clone(),
            site: Site {
                service: "Leadfeed".to_owned(),
                public_url: self.public_url.clone(),
                auth_url: auth_url.expect("a URL"),
                pkce: false,
                stack: self.stack.clone(),
            },
        }
    }

    /// Delivers leads.
    #[must_use]
    pub fn drain(&self) -> Drain<W> {
        Drain {
            ledger: self.ledger.clone(),
            directory: self.directory.clone(),
            keeper: self.keeper(),
            crm: self.crm.clone(),
            keys: self.keys.clone(),
            tallies: TallyBuffer::default(),
            events: PendingEvents::default(),
            calls_today: CallsToday::default(),
        }
    }

    /// Imports leads.
    #[must_use]
    pub fn bulk(&self) -> Bulk<W> {
        Bulk {
            ledger: self.ledger.clone(),
            directory: self.directory.clone(),
            keeper: self.keeper(),
            crm: self.crm.clone(),
            keys: self.keys.clone(),
            tallies: TallyBuffer::default(),
        }
    }

    /// The scheduler.
    #[must_use]
    pub fn scheduler(&self) -> Scheduler<W> {
        Scheduler {
            bulk: self.bulk(),
            ledger: self.ledger.clone(),
            directory: self.directory.clone(),
            queue: self.queue.clone(),
            apps: self.apps.clone(),
            budget: self.budget.clone(),
            clock: self.clock.clone(),
        }
    }

    /// The operator's use cases.
    #[must_use]
    pub fn admin(&self) -> Admin<W> {
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
            random: self.random.clone(),
            keys: self.keys.clone(),
            public_url: self.public_url.clone(),
            oldest_lead_alarm: SignedDuration::from_hours(2),
            quarantine_alarm: 100,
        }
    }
}
