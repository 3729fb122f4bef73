//! Simulates a large backlog under one application's limits, in virtual time: in real time it would take days.
//!
//! The production use cases run on the ports in memory, whose Constant Contact has the limits of the real one. Stores
//! answer at once; a naive program's call takes as long as a real one.

use std::cell::Cell;

use anyhow::{Context, Result};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use leadfeed_local::progress::Progress;
use leadfeed_shared::domain::budget::BudgetState;
use leadfeed_shared::domain::crm::CrmError;
use leadfeed_shared::domain::customer::BulkImport;
use leadfeed_shared::domain::ids::{AppId, RemoteId};
use leadfeed_shared::domain::lead::{LeadState, WaitReason};
use leadfeed_shared::domain::tally::Label;
use leadfeed_shared::fakes::{Call, Memory, RemoteLimits, STACK, VirtualClock};
use leadfeed_shared::ports::{
    Clock as _, Contacts as _, Customers as _, Forms as _, Lanes as _, Ledger as _,
    SecureRandom as _, SignUp, Tallies as _,
};

use crate::Effort;
use crate::world::{ACCOUNT, Fixtures};

/// Concurrent drains, as by default.
const DRAINS: usize = 2;
/// Workers of the naive program.
const WORKERS: usize = 5;
/// How long a call of the naive program takes.
const CALL_DURATION: SignedDuration = SignedDuration::from_millis(150);
/// The naive program's longest pause.
const MAX_PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// The way in which the leads are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// One by one.
    Single,
    /// What exceeds a day's calls goes by import.
    SpillOver,
    /// One call per lead in a retry loop, as one would first write it.
    Naive,
}

/// The result.
#[derive(Debug)]
pub struct Backlog {
    pub way: Way,
    pub leads: u32,
    /// Calls that arrived, including those refused for a limit.
    pub calls: usize,
    /// Those of them that were refused.
    pub refused: usize,
    /// Leads that went by import.
    pub imported: usize,
    pub took: SignedDuration,
}

pub fn measure(effort: Effort, progress: &Progress) -> Result<Vec<Backlog>> {
    let ways = [Way::Single, Way::SpillOver, Way::Naive];
    let step = progress.count(
        "a backlog, in virtual time",
        effort.backlogs.len() * ways.len(),
    );
    let mut backlogs = Vec::new();
    for &leads in effort.backlogs {
        for way in ways {
            step.say(&format!("{leads} leads, {way:?}"));
            backlogs.push(run(way, leads)?);
            step.at(backlogs.len());
        }
    }
    step.done();
    Ok(backlogs)
}

fn run(way: Way, leads: u32) -> Result<Backlog> {
    let midnight: Timestamp = "2026-11-23T00:00:00Z".parse()?;
    let memory = Memory::with_clock(VirtualClock::manual(midnight), 1);
    let clock = memory.clock.clone();
    let refused = match way {
        Way::Naive => clock.drive(run_naive(&memory, leads))?,
        _ => clock.drive(run_leadfeed(&memory, way, leads)).map(|()| 0)?,
    };
    Ok(Backlog {
        way,
        leads,
        calls: memory.crm.calls().len(),
        refused: refused + excess_sign_ups(&memory, way, leads),
        imported: memory.crm.imports(ACCOUNT).iter().sum(),
        took: clock.now().duration_since(midnight),
    })
}

/// Our sign-up calls beyond one for each lead that was not imported.
fn excess_sign_ups(memory: &Memory, way: Way, leads: u32) -> usize {
    let imported: usize = memory.crm.imports(ACCOUNT).iter().sum();
    match way {
        Way::Naive => 0,
        _ => memory
            .crm
            .count(Call::SignUp)
            .saturating_sub(leads as usize - imported),
    }
}

/// The customer, connected, at the start of a UTC day.
async fn connected(memory: &Memory, way: Way) -> Result<(Fixtures, RemoteId)> {
    let now = memory.clock.now();
    let bulk = match way {
        Way::SpillOver => BulkImport::WhenOverBudget,
        _ => BulkImport::Never,
    };
    let fixtures = Fixtures::new(memory.keys(), STACK, bulk)?;
    memory.crm.open_account(ACCOUNT, "Analytical Engines");
    memory.crm.set_limits(RemoteLimits {
        per_second: Some(4),
        per_day: Some(10_000),
        tokens_per_second: Some(1),
    });
    let list = memory.crm.add_list(ACCOUNT, "Newsletter");
    let unspent = BudgetState::unspent(now);
    memory.budget.set(&AppId::default_app(), unspent);
    memory
        .directory
        .put_customer(&fixtures.customer(now))
        .await?;
    memory.directory.put_form(&fixtures.form(now)).await?;
    let connection = fixtures.connection(&list, now);
    memory.put_connected(connection, "client").await;
    Ok((fixtures, list))
}

/// Runs the scheduler each minute and the drains, until every lead is delivered.
async fn run_leadfeed(memory: &Memory, way: Way, leads: u32) -> Result<()> {
    let (fixtures, _) = connected(memory, way).await?;
    let now = memory.clock.now();
    let quota = LeadState::waiting(WaitReason::Quota);
    for number in 0..leads {
        memory
            .ledger
            .record(&fixtures.lead(number, now), &quota, now)
            .await?;
    }
    memory.ledger.mark_lane(&fixtures.customer, now).await?;
    let done = Cell::new(false);
    let (scheduled, ..) = futures::join!(
        schedule(memory, &fixtures, leads, &done),
        join_all((0..DRAINS).map(|_| drain(memory, &done))),
    );
    scheduled
}

async fn schedule(
    memory: &Memory,
    fixtures: &Fixtures,
    leads: u32,
    done: &Cell<bool>,
) -> Result<()> {
    let scheduler = memory.scheduler();
    let (clock, minute) = (&memory.clock, SignedDuration::from_mins(1));
    loop {
        let now = clock.now();
        let deadline = now + SignedDuration::from_secs(30);
        let (imported, result) = scheduler.bulk.run(deadline).await;
        result?;
        scheduler.release(&imported.gathering).await?;
        let tallies = memory.directory.tallies(&fixtures.customer).await?;
        let delivered = tallies
            .iter()
            .filter_map(|tally| tally.counts.get(&Label::Delivered));
        if delivered.sum::<i64>() >= i64::from(leads) {
            done.set(true);
            return Ok(());
        }
        clock.sleep_until(now + minute).await;
    }
}

/// Receives batches from the queue as its trigger does.
async fn drain(memory: &Memory, done: &Cell<bool>) {
    let (drain, clock) = (memory.drain(), &memory.clock);
    while !done.get() {
        let messages = memory.messages();
        if messages.is_empty() {
            clock
                .sleep_until(clock.now() + SignedDuration::from_secs(1))
                .await;
            continue;
        }
        let deadline = clock.now() + SignedDuration::from_secs(58);
        drain.drain(messages, deadline).await;
    }
}

/// Returns how many calls were refused for a limit.
async fn run_naive(memory: &Memory, leads: u32) -> Result<usize> {
    let (fixtures, list) = connected(memory, Way::Naive).await?;
    let (next, refused) = (Cell::new(0), Cell::new(0));
    let worker = async || -> Result<()> {
        while next.get() < leads {
            let number = next.replace(next.get() + 1);
            let sign_up = SignUp {
                contact: fixtures.lead(number, memory.clock.now()).contact,
                custom_fields: Vec::new(),
                lists: vec![list.clone()],
            };
            let failures = call_until_accepted(memory, &sign_up).await?;
            refused.set(refused.get() + failures);
        }
        Ok(())
    };
    let workers = join_all((0..WORKERS).map(|_| worker())).await;
    workers.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(refused.get())
}

/// Repeats a call until it is accepted, with doubling pauses; returns how often it failed.
async fn call_until_accepted(memory: &Memory, sign_up: &SignUp) -> Result<usize> {
    let (clock, mut pause) = (&memory.clock, SignedDuration::from_secs(1));
    let mut token = memory.crm.connect(ACCOUNT, "client").access;
    for failures in 0.. {
        clock.sleep_until(clock.now() + CALL_DURATION).await;
        match memory.crm.sign_up(&token, sign_up).await {
            Ok(_) => return Ok(failures),
            Err(CrmError::Unauthorized) => token = memory.crm.connect(ACCOUNT, "client").access,
            Err(_) => {
                let part = i64::from(memory.random.bytes()[0]) + 1;
                let jitter = SignedDuration::from_millis(pause.as_millis() as i64 * part / 256);
                clock.sleep_until(clock.now() + jitter).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
        }
    }
    None.context("an endless loop ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leadfeed_makes_one_call_per_lead_while_the_naive_program_makes_more() {
        let (ours, naive) = (
            run(Way::Single, 100).unwrap(),
            run(Way::Naive, 100).unwrap(),
        );

        assert_eq!((ours.calls, ours.refused), (100, 0));
        assert!(naive.calls > 100, "{naive:?}");
        assert_eq!(naive.refused, naive.calls - 100, "{naive:?}");
    }
}
