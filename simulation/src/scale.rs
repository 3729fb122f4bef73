//! Counts what many customers and leads cost, in virtual time and without faults.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::app::intake::Intake;
use leadfeed_shared::domain::budget::Limits;
use leadfeed_shared::domain::connection::{Account, Connection};
use leadfeed_shared::fakes::{run_ready, samples};

use crate::log::Log;
use crate::oracle::Person;
use crate::schedule::Setting;
use crate::wire::{Service, Wired};
use crate::world::World;

/// Minutes of the day over which leads come in.
const MINUTES: u32 = 24 * 60;

/// How many people a customer's leads come from.
const PEOPLE_PER_CUSTOMER: u32 = 5_000;

/// The result of a day with this many customers and leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// Customers.
    pub customers: u32,
    /// Leads taken in, evenly over the day and the customers.
    pub leads: u32,
    /// Leads delivered by the end.
    pub delivered: u32,
    /// Virtual time from the first lead to the last delivery.
    pub took: SignedDuration,
    /// API calls that arrived at Constant Contact.
    pub calls: u64,
    /// Port operations by service and name, including the scheduler's.
    pub operations: BTreeMap<(Service, &'static str), u64>,
}

impl Growth {
    /// Operations of one or several services.
    #[must_use]
    pub fn of(&self, services: &[Service]) -> u64 {
        let operations = self.operations.iter();
        let operations = operations.filter(|((service, _), _)| services.contains(service));
        operations.map(|(_, count)| count).sum()
    }

    /// A total divided by the leads.
    #[must_use]
    pub fn per_lead(&self, count: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "an approximate figure")]
        let count = count as f64;
        count / f64::from(self.leads.max(1))
    }
}

/// Simulates a day in which `leads` come in evenly for `customers` connected customers, under limits that carry them
/// all, with a scheduler every minute and up to 20 drains at a time.
///
/// In an optimised build, 10,000 leads take about a second and 100,000 ten. For a table:
///
/// ```no_run
/// use leadfeed_simulation::scale::growth;
/// use leadfeed_simulation::wire::Service;
///
/// for (customers, leads) in [(10, 1_000), (100, 10_000)] {
///     let growth = growth(customers, leads);
///     let tables = growth.of(&[Service::Directory, Service::Ledger]);
///     println!("{customers} {leads}: {:.2} calls, {:.2} table operations a lead", growth.per_lead(growth.calls), growth.per_lead(tables));
/// }
/// ```
#[must_use]
pub fn growth(customers: u32, leads: u32) -> Growth {
    let per_second = leads / 43_200 + 4;
    let per_day = leads.saturating_mul(2).max(10_000);
    let mut world = fault_free_world(customers, per_second, per_day);
    let intake = world.new_process("webhook").ports().intake();
    let (mut sent, mut delivered) = (0, 0);
    for minute in 1..=MINUTES {
        let due = u64::from(leads) * u64::from(minute) / u64::from(MINUTES);
        let due = u32::try_from(due).unwrap_or(leads);
        for number in sent..due {
            let customer = usize::try_from(number % customers.max(1)).unwrap_or(0);
            submit(&world, &intake, customer, number / customers.max(1));
        }
        sent = due;
        world.wake_scheduler();
        world.advance(world.now() + SignedDuration::from_mins(1));
        assert_eq!(world.shared.oracle().violation(), None);
        // Not before all of their messages have been deleted.
        let old = world.now() - SignedDuration::from_hours(1);
        delivered += world.memory.ledger.forget_delivered(old);
    }
    let started_at = world.started_at();
    let took = finish(&mut world, leads, &mut delivered).duration_since(started_at);
    let calls = world.shared.oracle().total_calls;
    Growth {
        customers,
        leads,
        delivered: u32::try_from(delivered).unwrap_or(u32::MAX),
        took,
        calls,
        operations: world.shared.counts(),
    }
}

/// Waits for the last delivery; returns its time.
fn finish(world: &mut World, leads: u32, delivered: &mut usize) -> Timestamp {
    let expected = usize::try_from(leads).unwrap_or(usize::MAX);
    for _ in 0..MINUTES {
        if *delivered >= expected {
            break;
        }
        world.wake_scheduler();
        world.advance(world.now() + SignedDuration::from_mins(1));
        *delivered += world.memory.ledger.forget_delivered(world.now());
    }
    world.now()
}

/// Connected customers in a world without faults.
fn fault_free_world(customers: u32, per_second: u32, per_day: u32) -> World {
    let setting = Setting {
        begins: "2026-11-23T00:00:00Z".parse().expect("a time"),
        customers: 0,
        bulk: 0,
        own_app: false,
        limits: Limits {
            per_second,
            per_day,
        },
        drains: 20,
        long_lived: false,
        takes_time: false,
    };
    let mut world = World::new(&setting, 1, None, Log::silent());
    world.fault_free = true;
    for number in 0..customers {
        world.add_customer(number, false, false);
        connect(&world, usize::try_from(number).unwrap_or(0));
    }
    world
}

/// Connects a customer as the pages do, without counting operations.
fn connect(world: &World, customer: usize) {
    let customer = &world.customers[customer];
    let account = customer.account(0);
    let row = Connection {
        customer: customer.id.clone(),
        account: Account {
            id: account.clone(),
            name: "Engines".to_owned(),
        },
        lists: vec![customer.list.clone()],
        ..samples::connection(world.now())
    };
    let tokens = run_ready(world.memory.put_connected(row, &customer.client));
    world.shared.oracle().connected(&account, &tokens);
}

/// A person submits a customer's form.
fn submit(world: &World, intake: &Intake<Wired>, customer: usize, number: u32) {
    let customer = &world.customers[customer];
    let person = Person {
        email: format!("p{}@{}.example", number % PEOPLE_PER_CUSTOMER, customer.id),
        customer: customer.id.clone(),
    };
    world.shared.oracle().consented(&person, world.now());
    let fields = [
        ("email", person.email),
        ("first_name", format!("n{number}")),
        ("consent", "yes".to_owned()),
    ];
    let arrival = samples::arrival(fields);
    let form = run_ready(intake.form(customer.form.id.as_str())).expect("a form");
    run_ready(intake.take(&form, arrival)).expect("a good lead");
}
