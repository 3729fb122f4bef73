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
use leadfeed_shared::domain::tally::{Counts, Outcome};
use leadfeed_shared::fakes::{Memory, RemoteLimits, TokenKind, VirtualClock, run_ready};
use leadfeed_shared::locked;
use leadfeed_shared::ports::{Clock as _, Customers as _, Ledger as _, Tallies as _};

use crate::dice::Dice;
use crate::log::{self, Log};
use crate::oracle::{self, Oracle, Promise, account_name};
use crate::schedule::{Setting, draw_fault};
use crate::sqs::Sqs;
use crate::tasks::{StepResult, Tasks, Work};
use crate::wire::{Guard, Line, Process, ProcessContext, Shared, Wired};

/// The scheduler's interval while something happens.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A customer in the world.
pub struct SimulatedCustomer {
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

impl SimulatedCustomer {
    /// The name of one of its accounts.
    #[must_use]
    pub fn account(&self, number: u8) -> String {
        account_name(&self.id, number)
    }
}

/// A running function's process, with its use case.
pub enum Instance {
    Webhook(Arc<Process>, Arc<Intake<Wired>>),
    Drain(Arc<Process>, Arc<Drain<Wired>>),
    Scheduler(Arc<Process>, Arc<Scheduler<Wired>>),
    /// One that is not used again.
    OneOff,
}

/// The world.
pub struct World {
    /// What all processes share.
    pub shared: Arc<Shared>,
    /// The ports in memory.
    pub memory: Memory,
    /// The customers.
    pub customers: Vec<SimulatedCustomer>,
    /// Whether faults have stopped.
    pub fault_free: bool,
    /// Decides the order of steps.
    pub dice: Dice,
    sqs: Arc<Mutex<Sqs>>,
    tasks: Tasks<Instance>,
    idle_instances: Vec<Instance>,
    drains: usize,
    max_drains: usize,
    next_poll: Option<Timestamp>,
    next_run: Timestamp,
    idle_minutes: i32,
    limits: Limits,
    started_at: Timestamp,
    process_count: u32,
}

impl World {
    /// The world of a setting, with its customers, none of them connected yet.
    #[must_use]
    pub fn new(setting: &Setting, seed: u64, without: Option<Guard>, log: Log) -> Self {
        let clock = VirtualClock::manual(setting.begins);
        let memory = Memory::with_clock(clock.clone(), seed);
        let limits = set_remote_limits(&memory, setting.limits);
        if setting.long_lived {
            memory.crm.set_token_kind(TokenKind::LongLived);
        }
        let oracle = Oracle::new(clock.clone(), memory.directory.clone(), limits);
        let shared = Shared::new(clock, setting.takes_time, without, oracle, log);
        let mut world = Self {
            shared: Arc::new(shared),
            customers: Vec::new(),
            fault_free: false,
            dice: Dice::new(seed ^ 0x5eed),
            sqs: Arc::new(Mutex::new(Sqs::new(memory.dead_letters.clone()))),
            tasks: Tasks::default(),
            idle_instances: Vec::new(),
            drains: 0,
            max_drains: setting.drains,
            next_poll: None,
            next_run: setting.begins + MINUTE,
            idle_minutes: 1,
            limits: setting.limits,
            started_at: setting.begins,
            process_count: 0,
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
        let form = run_ready(async {
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
        oracle.add_customer(&id, app.as_str(), bulk);
        drop(oracle);
        self.customers.push(SimulatedCustomer {
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
        for customer in &self.customers {
            self.memory.apps.set_limits(&customer.app, self.limits);
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

    /// When the run began.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.started_at
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
    pub fn new_process(&mut self, kind: &str) -> ProcessContext {
        self.process_count += 1;
        let process = Process::new(
            format!("{kind}-{}", self.process_count),
            Dice::new(self.dice.roll()),
        );
        ProcessContext {
            memory: self.memory.clone(),
            line: Line {
                shared: self.shared.clone(),
                process: Arc::new(process),
            },
        }
    }

    /// Starts an invocation, which may meet a fault, depending on `seed`.
    pub fn start(
        &mut self,
        process: &Arc<Process>,
        seed: u64,
        timeout: SignedDuration,
        instance: Instance,
        work: Work,
    ) {
        process.begin(if self.fault_free {
            None
        } else {
            draw_fault(&mut Dice::new(seed))
        });
        let ends_at = self.now() + timeout;
        self.tasks.start(process.clone(), ends_at, instance, work);
    }

    /// Something has happened: the scheduler runs every minute again.
    pub fn wake_scheduler(&mut self) {
        self.idle_minutes = 1;
        self.next_run = self.next_run.min(self.now() + MINUTE);
    }

    /// Lets everything run until a moment.
    pub fn advance(&mut self, until: Timestamp) {
        while !self.is_broken() {
            match self.tasks.step(&mut self.dice) {
                StepResult::Progressed => self.check_invariants(),
                StepResult::Done(instance) => {
                    self.check_invariants();
                    self.finish_invocation(instance);
                }
                StepResult::Killed(process) => {
                    self.check_invariants();
                    self.remove_killed(&process);
                }
                StepResult::AllWaiting if self.start_due_work() => {}
                StepResult::AllWaiting => {
                    let next = self.next_event_at().filter(|next| *next < until);
                    self.shared.clock.advance_to(next.unwrap_or(until));
                    if next.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// Checks what must hold after every step.
    fn check_invariants(&self) {
        let mut oracle = self.shared.oracle();
        if let Some(text) = log::take_logged() {
            oracle.check_text("a log", &text);
            self.shared
                .log()
                .note(self.shared.clock.now(), "log", || text.trim().to_owned());
        }
        oracle.check_none_lost(|lead| {
            let sent = self.memory.queue.sent();
            self.sqs().carries(lead) || sent.iter().any(|task| task.lead() == lead)
        });
    }

    /// Whether nothing is left to do for a customer: its connection can deliver, or the customer is gone.
    #[must_use]
    pub fn is_connected(&self, customer: u8) -> bool {
        let id = &self.customers[usize::from(customer)].id;
        let found = run_ready(self.memory.directory.customer(id));
        if matches!(found, Ok(None)) {
            return true;
        }
        let connection = self.memory.directory.peek(id);
        connection.is_some_and(|connection| {
            let there: Vec<_> = run_ready(async { connection.lists_for(&[]) }).unwrap_or_default();
            !there.is_empty()
        })
    }

    /// Checks that every delivered lead is a contact that was put on a list.
    pub fn check_deliveries(&self) {
        self.shared.oracle().check_delivered(|account, email| {
            let email = email.parse().expect("an address");
            let contact = self.memory.crm.contact(account, &email);
            // A contact that its account has deleted since is on no list.
            contact.is_some_and(|contact| !contact.lists.is_empty() || contact.deleted_at.is_some())
        });
    }

    /// Checks that the counters agree with the ledger.
    pub fn check_tallies(&mut self) {
        self.wake_scheduler();
        self.advance(self.now() + SignedDuration::from_hours(3));
        for customer in &self.customers {
            let tallies =
                run_ready(self.memory.directory.tallies(&customer.id)).unwrap_or_default();
            for tally in tallies {
                let counted = run_ready(self.memory.ledger.count(&customer.id, tally.day));
                let (tallied, counted) = (
                    comparable(tally.counts),
                    comparable(counted.unwrap_or_default()),
                );
                if counted != tallied {
                    let how = format!(
                        "the counters of {} say {tallied:?} for {counted:?}",
                        customer.id
                    );
                    self.shared
                        .oracle()
                        .report_violation(Promise::NothingLost, how);
                }
            }
        }
    }
}

/// Counters that are not zero. A quarantined lead is only counted with the next change of its day.
fn comparable(mut counts: Counts) -> Counts {
    counts.retain(|label, count| *count != 0 && label.outcome() != Some(Outcome::Quarantined));
    counts
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
