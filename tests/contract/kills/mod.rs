//! Whatever fails during intake, a lead that was answered with success is delivered exactly once.
//!
//! Each step fails or kills the function, before its effect or after it; the queue, the table or both are down, and the
//! function is killed at each step of that too. Then time passes, and the scheduler and the drain do their work. This
//! runs on the ports in memory and over the AWS adapters, where each request is a step; each prints its table.

mod memory;
mod real;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use aws_config::SdkConfig;
use jiff::SignedDuration;
use leadfeed_shared::app::deliver::batch::Message;
use leadfeed_shared::app::intake::{Accepted, Arrival, IntakeError};
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::lead::LeadState;
use leadfeed_shared::fakes::{Fault, Ports, samples};
use leadfeed_shared::ports::{Clock as _, LeadFilter, Ledger as _, Wiring};
use libtest_mimic::Trial;
use tokio::runtime::Handle;

use self::memory::InMemory;
use self::real::OverAws;
use crate::dynamo::Tables;

/// What the steps of a submission do, in order: without a key, and with one.
const PLAIN: [&str; 3] = ["agree on the id", "send", "record"];
const KEYED: [&str; 4] = ["look back", "claim the key", "send", "record"];

/// The faults, by the step at which they happen.
type Faults = BTreeMap<u64, Fault>;

/// What the sender was told; `None` if the function was killed.
type Told = Option<Result<Accepted, IntakeError>>;

/// A stack with one connected customer.
trait Stage {
    type Wiring: Wiring;

    fn ports(&self) -> Ports<Self::Wiring>;

    /// An unused form of the customer.
    async fn form(&self) -> Form;

    /// Runs work whose steps fail as planned. Returns its result, `None` if it was killed, and how many steps it took.
    async fn struck<T>(&self, faults: &Faults, work: impl Future<Output = T>) -> (Option<T>, u64);

    /// Takes up to ten messages out of the queue.
    async fn received(&self) -> Vec<Message>;

    fn advance(&self, by: SignedDuration);

    /// How many calls have signed a person up so far.
    fn sign_ups(&self) -> usize;
}

/// One way to fail.
struct Plan {
    what: String,
    faults: Faults,
}

pub fn memory(runtime: &Handle) -> Trial {
    trial("memory", runtime, InMemory::start)
}

/// On its own tables and queue: its scheduler processes whatever it finds.
pub fn aws(aws: &SdkConfig, tables: Tables, queue: String, runtime: &Handle) -> Trial {
    let aws = aws.clone();
    let start = move || OverAws::start(aws, tables, queue);
    trial("aws", runtime, start)
}

fn trial<S: Stage, F: Future<Output = S>>(
    keeper: &str,
    runtime: &Handle,
    start: impl FnOnce() -> F + Send + 'static,
) -> Trial {
    let runtime = runtime.clone();
    let name = "every_lead_answered_with_success_is_delivered_exactly_once";
    Trial::test(format!("{keeper}::kills::{name}"), move || {
        runtime.block_on(async { every_plan(&start().await).await });
        Ok(())
    })
}

async fn every_plan(stage: &impl Stage) {
    let mut table = "\n| what strikes | answer | delivered |\n|---|---|---|\n".to_owned();
    let mut number = 0;
    for (key, steps) in [(None, PLAIN.as_slice()), (Some("k"), KEYED.as_slice())] {
        let with = key.map_or("", |_| ", with a key");
        for Plan { what, faults } in plans(steps) {
            number += 1;
            let (told, delivered) = carried_out(stage, key, number, steps, &faults).await;
            let told = word(&told);
            writeln!(table, "| {what}{with} | {told} | {delivered} |").unwrap();
            assert_eq!(told, expected(steps, &faults), "{what}{with}");
            assert!(delivered <= 1, "{what}{with}: {delivered} times");
            if told == "success" {
                assert_eq!(delivered, 1, "{what}{with}");
            }
        }
    }
    println!("{table}");
}

/// Submits a lead while the plan's faults happen, then lets time pass and the scheduler and the drain work. Returns
/// what the sender was told, and how often the person was signed up.
async fn carried_out<S: Stage>(
    stage: &S,
    key: Option<&str>,
    number: u32,
    steps: &[&str],
    faults: &Faults,
) -> (Told, usize) {
    let intake = stage.ports().intake();
    // Equal submissions agree on an id only at the turn of a minute.
    let into = intake.clock.now().as_millisecond().rem_euclid(60_000);
    stage.advance(SignedDuration::from_millis(60_000 - into));
    let form = stage.form().await;
    let before = stage.sign_ups();

    let work = intake.take(&form, arrival(key, number));
    let (told, taken) = stage.struck(faults, work).await;
    if told.is_some() {
        assert_eq!(taken, steps.len() as u64, "a step has no name");
    }
    for _ in 0..3 {
        stage.advance(SignedDuration::from_mins(2));
        let scheduler = stage.ports().scheduler();
        scheduler.release(&BTreeSet::new()).await.unwrap();
        deliver(stage).await;
    }

    let all = LeadFilter::default();
    let kept = intake.ledger.leads(&form.customer, &all, None, 1_000).await;
    let mut kept = kept.unwrap().items;
    kept.retain(|record| record.lead.form == form.id);
    assert!(kept.len() <= 1);
    for record in kept {
        let state = record.state;
        assert!(matches!(state, LeadState::Delivered { .. }), "{state:?}");
    }
    (told, stage.sign_ups() - before)
}

/// Drains the queue until it is empty.
async fn deliver(stage: &impl Stage) {
    loop {
        let messages = stage.received().await;
        if messages.is_empty() {
            return;
        }
        let drain = stage.ports().drain();
        let deadline = drain.keeper.clock.now() + SignedDuration::from_secs(58);
        let again = drain.drain(messages, deadline).await;
        assert_eq!(again, Vec::<String>::new());
    }
}

fn arrival(key: Option<&str>, number: u32) -> Arrival {
    let email = format!("lead{number}@example.com");
    let fields = [("email", email.as_str()), ("consent", "yes")];
    Arrival {
        key: key.map(|key| key.parse().unwrap()),
        ..samples::arrival(fields)
    }
}

fn plans(steps: &[&str]) -> Vec<Plan> {
    let mut plans = vec![Plan {
        what: "nothing".to_owned(),
        faults: Faults::new(),
    }];
    let named = || (1..).zip(steps.iter().copied());
    for (step, name) in named() {
        plans.extend(
            [
                Fault::CrashBefore,
                Fault::CrashAfter,
                Fault::FailBefore,
                Fault::FailAfter,
            ]
            .map(|fault| Plan {
                what: format!("{name}: {fault:?}"),
                faults: Faults::from([(step, fault)]),
            }),
        );
    }
    for (what, queue, table) in [
        ("queue", true, false),
        ("table", false, true),
        ("queue and table", true, true),
    ] {
        let down = |way| -> Faults {
            let is_down = |name: &str| if name == "send" { queue } else { table };
            let steps = named().filter(|(_, name)| is_down(name));
            steps.map(|(step, _)| (step, way)).collect()
        };
        for way in [Fault::FailBefore, Fault::FailAfter] {
            let what = format!("{what} down: {way:?}");
            let faults = down(way);
            plans.push(Plan { what, faults });
        }
        for (step, name) in named() {
            for fault in [Fault::CrashBefore, Fault::CrashAfter] {
                let what = format!("{what} down, {name}: {fault:?}");
                let mut faults = down(Fault::FailBefore);
                faults.retain(|other, _| *other < step); // nothing runs on that could meet a later one
                faults.insert(step, fault);
                plans.push(Plan { what, faults });
            }
        }
    }
    plans
}

fn word(told: &Told) -> &'static str {
    match told {
        Some(Ok(_)) => "success",
        Some(Err(IntakeError::Unavailable)) => "503",
        Some(Err(error)) => panic!("{error}"),
        None => "nothing",
    }
}

/// A killed function tells the sender nothing. Any other refuses a lead only if neither queue nor table accepted it.
fn expected(steps: &[&str], faults: &Faults) -> &'static str {
    let kills = |fault: &Fault| matches!(fault, Fault::CrashBefore | Fault::CrashAfter);
    if faults.values().any(kills) {
        return "nothing";
    }
    let fails = |(step, name): (u64, &&str)| {
        matches!(*name, "send" | "record") && faults.contains_key(&step)
    };
    match (1..).zip(steps).filter(|step| fails(*step)).count() {
        2 => "503",
        _ => "success",
    }
}
