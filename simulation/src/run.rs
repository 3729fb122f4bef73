//! Runs one case from its first event until no lead waits any more.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::SignedDuration;

use crate::dice::Dice;
use crate::log::{self, Log};
use crate::oracle::{Phase, Promise, Violation};
use crate::play::Player;
use crate::schedule::{Case, Event};
use crate::wire::{Guard, Service};
use crate::world::World;

/// Virtual time between two checks once faults have stopped.
const CHECK_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// A run in which a promise was not kept.
#[derive(Debug, Clone)]
pub struct Broken {
    /// What was promised, and what happened.
    pub violation: Violation,
    /// The log, if requested.
    pub log: Vec<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.log {
            writeln!(f, "{line}")?;
        }
        write!(f, "{}", self.violation)
    }
}

/// Runs a case, perhaps without one of the guards, and keeps a log if `keep_log` is set.
///
/// # Errors
/// [`Broken`] at the first promise that is broken.
pub fn run(case: &Case, without: Option<Guard>, keep_log: bool) -> Result<(), Broken> {
    let _collected = log::collect();
    drop(log::take_logged());
    let log = if keep_log {
        Log::recording()
    } else {
        Log::silent()
    };
    let mut world = World::new(&case.setting, case.seed, without, log);
    let played = catch_unwind(AssertUnwindSafe(|| play(&mut world, case)));
    if played.is_err() {
        let mut oracle = world.shared.oracle();
        oracle.report_violation(Promise::NoFailureByInput, "something panicked");
    }
    let violation = world.shared.oracle().violation();
    match violation {
        None => Ok(()),
        Some(violation) => Err(Broken {
            violation,
            log: world.shared.log().lines(),
        }),
    }
}

fn play(world: &mut World, case: &Case) {
    let mut player = Player::default();
    for step in &case.steps {
        world.advance(case.setting.begins + step.after);
        if world.is_broken() {
            return;
        }
        player.play(world, step);
    }
    wind_down(world, case);
}

/// Faults stop and time passes; then somebody puts everything right, and time passes again.
fn wind_down(world: &mut World, case: &Case) {
    world.fault_free = true;
    world.shared.end_disruptions();
    world.memory.crm.clear_scripted_errors();
    settle(world, case, Phase::TimePassed);
    if world.is_broken() {
        return;
    }
    // The 2 % reserve of a low daily limit is too small for connecting.
    world.raise_limits();
    let mut dice = Dice::new(case.seed);
    for customer in 0..case.setting.customers {
        world.set_rights(customer, true);
    }
    world.sqs().redrive(world.now());
    for _ in 0..72 {
        for customer in 0..case.setting.customers {
            if !world.is_connected(customer) {
                world.connect(customer, 0, &mut dice);
            }
        }
        world.wake_scheduler();
        world.advance(world.now() + CHECK_INTERVAL);
        let all_connected =
            (0..case.setting.customers).all(|customer| world.is_connected(customer));
        if all_connected || world.is_broken() {
            break;
        }
    }
    settle(world, case, Phase::AllPutRight);
    if !world.is_broken() {
        world.shared.oracle().check_none_lost(|_| false);
        world.check_deliveries();
        // If a drain died before it counted, its messages are redelivered and reveal that; one that could not
        // write keeps the day in doubt until it can.
        let loses_counts = |event: &Event| {
            matches!(
                event,
                Event::LoseQueue | Event::Outage(Service::Directory, ..)
            )
        };
        if !case.steps.iter().any(|step| loses_counts(&step.event)) {
            world.check_tallies();
        }
    }
}

/// Lets time pass until every lead is settled, or should be.
fn settle(world: &mut World, case: &Case, phase: Phase) {
    let per_day = usize::try_from(case.setting.limits.per_day).unwrap_or(usize::MAX);
    world.wake_scheduler();
    for hour in 0.. {
        // Recounted each time: the last submissions may not be accepted yet.
        let leads = world.shared.oracle().leads().count();
        let days = 3 + 4 * leads / per_day.max(1);
        let unsettled = world.shared.oracle().unsettled(phase).is_some();
        let done = hour > 0 && !unsettled && world.sqs().is_empty();
        if world.is_broken() || done || hour >= 24 * days {
            break;
        }
        world.advance(world.now() + CHECK_INTERVAL);
    }
    world.shared.oracle().check_settled(phase);
}
