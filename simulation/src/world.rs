//! A world in memory: customers, the functions working for them, and one clock for all.

mod platform;

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::app::admin::Properties;
use leadfeed_shared::app::deliver::Drain;
use leadfeed_shared::app::intake::Intake;
use leadfeed_shared::app::scheduler::Scheduler;
use leadfeed_shared::domain::budget::{BudgetState, Limits};
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::ids::{AppId, CustomerId, RemoteId};
use leadfeed_shared::domain::tally::Counts;
use leadfeed_shared::fakes::{Memory, RemoteLimits, TokenKind, VirtualClock, at_once};
use leadfeed_shared::locked;
use leadfeed_shared::ports::{Clock as _, Customers as _, Ledger as _, Tallies as _};

use crate::dice::Dice;
use crate::log::{self, Log};
use crate::oracle::{self, Oracle, Promise, account_name};
use crate::schedule::{Setting, strike};
use crate::sqs::Sqs;
use crate::tasks::{Stepped, Tasks, Work};
use crate::wire::{Guard, Line, Process, Reach, Shared, Wired};

/// The scheduler's interval while something happens.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A customer in the world.
pub struct Side {
    /// Its id.
    pub id: CustomerId,
    /// The application it uses.
    pub app: AppId,
    /// That application's id at Constant Contact.
    pub client: String,
    /// Its form.
    pub form: Form,
    /// The list of its first account that it uses.
    pub list: RemoteId,
}

impl Side {
    /// The name of one of its accounts.
    #[must_use]
    pub fn account(&self, number: u8) -> String {
        account_name(&self.id, number)
    }
}

/// A warm function, which may run again.
pub enum Warm {
    Webhook(Arc<Process>, Arc<Intake<Wired>>),
    Drain(Arc<Process>, Arc<Drain<Wired>>),
    Scheduler(Arc<Process>, Arc<Scheduler<Wired>>),
    /// One that will not run again.
    Cold,
}

/// The world.
pub struct World {
    /// What all processes share.
    pub shared: Arc<Shared>,
    /// The ports in memory.
    pub memory: Memory,
    /// The customers.
    pub sides: Vec<Side>,
    /// Whether faults have stopped.
    pub calm: bool,
    /// Decides the order of steps.
    pub dice: Dice,
    sqs: Arc<Mutex<Sqs>>,
    tasks: Tasks<Warm>,
    pool: Vec<Warm>,
    drains: usize,
    most_drains: usize,
    next_poll: Option<Timestamp>,
    next_run: Timestamp,
    idle_minutes: i32,
    limits: Limits,
    begun: Timestamp,
    made: u32,
}

impl World {
    /// The world of a setting, with its customers, none of them connected yet.
    #[must_use]
    pub fn new(setting: &Setting, seed: u64, without: Option<Guard>, log: Log) -> Self {
        let clock = VirtualClock::standing(setting.begins);
        let memory = Memory::with_clock(clock.clone(), seed);
        let limits = set_remote_limits(&memory, setting.limits);
        if setting.long_lived {
            memory.crm.set_token_kind(TokenKind::LongLived);
        }
        let oracle = Oracle::new(clock.clone(), memory.directory.clone(), limits);
        let shared = Shared::new(clock, setting.takes_time, without, oracle, log);
        let mut world = Self {
            shared: Arc::new(shared),
            sides: Vec::new(),
            calm: false,
            dice: Dice::new(seed ^ 0x5eed),
            sqs: Arc::new(Mutex::new(Sqs::new(memory.dead_letters.clone()))),
            tasks: Tasks::default(),
            pool: Vec::new(),
            drains: 0,
            most_drains: setting.drains,
            next_poll: None,
            next_run: setting.begins + MINUTE,
            idle_minutes: 1,
            limits: setting.limits,
            begun: setting.begins,
            made: 0,
            memory,
        };
        for number in 0..setting.customers {
            let own_app = setting.own_app && number + 1 == setting.customers;
            world.add_customer(number.into(), own_app, number < setting.bulk);
        }
        world
    }

    /// Makes a customer with a form and two accounts.
    pub fn add_customer(&mut self, number: u32, own_app: bool, bulk: bool) {
        let id: CustomerId = format!("c{number}").parse().expect("a customer id");
        let app = if own_app {
            format!("app{number}").parse().expect("an application id")
        } else {
            AppId::default_app()
        };
        let client = if own_app {
            format!("client{number}")
        } else {
            "client".to_owned()
        };
        self.add_app(&app, &client);
        let crm = &self.memory.crm;
        for account in (0..2).map(|account| account_name(&id, account)) {
            crm.open_account(&account, "Engines");
            crm.add_list(&account, "Offers");
        }
        let list = crm.add_list(&account_name(&id, 0), "News");
        let admin = self.memory.admin();
        let bulk_import = if bulk { "when_over_budget" } else { "never" };
        let settings = serde_json::json!({
            "name": "Engines", "brand": "Engines", "app_id": app, "bulk_import": bulk_import,
        });
        let form =
            serde_json::json!({ "name": "News", "consent_statement": "Engines may mail me." });
        let form = at_once(async {
            admin
                .put_customer(&id, properties(&settings))
                .await
                .expect("settings of a customer");
            admin
                .create_form(&id, properties(&form))
                .await
                .expect("settings of a form")
        });
        let mut oracle = self.shared.oracle();
        oracle.customer(&id, app.as_str(), bulk);
        drop(oracle);
        self.sides.push(Side {
            id,
            app,
            client,
            form,
            list,
        });
    }

    /// Gives every application the usual limits.
    pub fn raise_limits(&mut self) {
        self.limits = Limits::default();
        for side in &self.sides {
            self.memory.apps.set_limits(&side.app, self.limits);
        }
        let limits = set_remote_limits(&self.memory, self.limits);
        self.shared.oracle().set_limits(limits);
    }

    /// Adds an application that has spent nothing of its day.
    fn add_app(&self, app: &AppId, client: &str) {
        let (apps, now) = (&self.memory.apps, self.now());
        apps.set(app, client, "client-secret");
        apps.set_limits(app, self.limits);
        self.memory.crm.register(client, "client-secret");
        self.memory.budget.set(app, BudgetState::unspent(now));
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// When it began.
    #[must_use]
    pub fn begun(&self) -> Timestamp {
        self.begun
    }

    /// The limits of every application.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The queue.
    pub fn sqs(&self) -> MutexGuard<'_, Sqs> {
        locked(&self.sqs)
    }

    /// Whether a promise was broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.shared.oracle().violation().is_some()
    }

    /// A new process of this kind, connected to the world.
    pub fn reach(&mut self, kind: &str) -> Reach {
        self.made += 1;
        let process = Process::new(format!("{kind}-{}", self.made), Dice::new(self.dice.roll()));
        Reach {
            memory: self.memory.clone(),
            line: Line {
                shared: self.shared.clone(),
                process: Arc::new(process),
            },
        }
    }

    /// Starts an invocation, which may meet a fault, depending on `luck`.
    pub fn start(
        &mut self,
        process: &Arc<Process>,
        luck: u64,
        time: SignedDuration,
        warm: Warm,
        work: Work,
    ) {
        process.begin(if self.calm {
            None
        } else {
            strike(&mut Dice::new(luck))
        });
        let ends_at = self.now() + time;
        self.tasks.start(process.clone(), ends_at, warm, work);
    }

    /// Something has happened: the scheduler runs every minute again.
    pub fn stir(&mut self) {
        self.idle_minutes = 1;
        self.next_run = self.next_run.min(self.now() + MINUTE);
    }

    /// Lets everything run until a moment.
    pub fn advance(&mut self, until: Timestamp) {
        while !self.is_broken() {
            match self.tasks.step(&mut self.dice) {
                Stepped::On => self.look(),
                Stepped::Done(warm) => {
                    self.look();
                    self.put_away(warm);
                }
                Stepped::Killed(process) => {
                    self.look();
                    self.bury(&process);
                }
                Stepped::Nobody if self.begin_what_is_due() => {}
                Stepped::Nobody => {
                    let next = self.next_moment().filter(|next| *next < until);
                    self.shared.clock.advance_to(next.unwrap_or(until));
                    if next.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// Checks what must hold after every step.
    fn look(&self) {
        let mut oracle = self.shared.oracle();
        if let Some(words) = log::logged() {
            oracle.hears("a log", &words);
            self.shared
                .log()
                .note(self.shared.clock.now(), "log", || words.trim().to_owned());
        }
        oracle.all_kept(|lead| {
            let sent = self.memory.queue.sent();
            self.sqs().carries(lead) || sent.iter().any(|task| task.lead() == lead)
        });
    }

    /// Whether nothing is left to do for a customer: its connection can deliver, or the customer is gone.
    #[must_use]
    pub fn is_connected(&self, customer: u8) -> bool {
        let id = &self.sides[usize::from(customer)].id;
        let there = at_once(self.memory.directory.customer(id));
        if matches!(there, Ok(None)) {
            return true;
        }
        let connection = self.memory.directory.look(id);
        connection.is_some_and(|connection| {
            let there: Vec<_> = at_once(async { connection.lists_for(&[]) }).unwrap_or_default();
            !there.is_empty()
        })
    }

    /// Checks that every delivered lead is a contact that was put on a list.
    pub fn check_deliveries(&self) {
        self.shared.oracle().all_arrived(|account, email| {
            let email = email.parse().expect("an address");
            let contact = self.memory.crm.contact(account, &email);
            // A contact that its account has deleted since is on no list.
            contact.is_some_and(|contact| !contact.lists.is_empty() || contact.deleted_at.is_some())
        });
    }

    /// Checks that the counters agree with the ledger.
    pub fn check_tallies(&mut self) {
        self.stir();
        self.advance(self.now() + SignedDuration::from_hours(3));
        for side in &self.sides {
            let tallies = at_once(self.memory.directory.tallies(&side.id)).unwrap_or_default();
            for tally in tallies {
                let counted = at_once(self.memory.ledger.count(&side.id, tally.day));
                let (shown, counted) = (told(tally.counts), told(counted.unwrap_or_default()));
                if counted != shown {
                    let how = format!("the counters of {} say {shown:?} for {counted:?}", side.id);
                    self.shared.oracle().object(Promise::NothingLost, how);
                }
            }
        }
    }
}

/// Counters that are not zero. A quarantined lead is only counted with the next change of its day.
fn told(counts: Counts) -> Counts {
    let told = |(label, count): &(String, i64)| *count != 0 && !label.starts_with("quarantined");
    counts.into_iter().filter(told).collect()
}

/// Sets the limits that Constant Contact enforces.
fn set_remote_limits(memory: &Memory, limits: Limits) -> oracle::Limits {
    let count = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
    let limits = oracle::Limits {
        per_second: count(limits.per_second),
        per_day: count(limits.per_day),
    };
    memory.crm.set_limits(RemoteLimits {
        per_second: Some(limits.per_second),
        per_day: Some(limits.per_day),
        tokens_per_second: Some(1),
    });
    limits
}

/// The request body of an operator.
#[must_use]
pub fn properties(of: &serde_json::Value) -> Properties {
    Properties::parse(of.to_string().as_bytes()).expect("an object")
}
