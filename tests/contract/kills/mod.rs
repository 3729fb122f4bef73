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
use leadfeed_shared::app::deliver::Message;
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

/// The answer to the sender; `None` if the function was killed.
type Answer = Option<Result<Accepted, IntakeError>>;

/// A stack with one connected customer.
trait TestStack {
    type Wiring: Wiring;

    fn ports(&self) -> Ports<Self::Wiring>;

    /// An unused form of the customer.
    async fn form(&self) -> Form;

    /// Runs work whose steps fail as planned. Returns its result, `None` if it was killed, and how many steps it took.
    async fn run_with_faults<T>(
        &self,
        faults: &Faults,
        work: impl Future<Output = T>,
    ) -> (Option<T>, u64);

    /// Takes up to ten messages out of the queue.
    async fn receive_messages(&self) -> Vec<Message>;

    fn advance(&self, by: SignedDuration);

    /// How many calls have signed a person up so far.
    fn sign_ups(&self) -> usize;
}

/// One combination of faults.
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

fn trial<S: TestStack, F: Future<Output = S>>(
    implementation: &str,
    runtime: &Handle,
    start: impl FnOnce() -> F + Send + 'static,
) -> Trial {
    let runtime = runtime.clone();
    let name = "every_lead_answered_with_success_is_delivered_exactly_once";
    Trial::test(format!("{implementation}::kills::{name}"), move || {
        runtime.block_on(async { run_every_plan(&start().await).await });
        Ok(())
    })
}

async fn run_every_plan(stack: &impl TestStack) {
    let mut table = "\n| fault | answer | delivered |\n|---|---|---|\n".to_owned();
    let mut number = 0;
    for (key, steps) in [(None, PLAIN.as_slice()), (Some("k"), KEYED.as_slice())] {
        let suffix = key.map_or("", |_| ", with a key");
        for Plan { what, faults } in plans(steps) {
            number += 1;
            let (answer, delivered) = run_plan(stack, key, number, steps, &faults).await;
            let answer = describe(&answer);
            writeln!(table, "| {what}{suffix} | {answer} | {delivered} |").unwrap();
            assert_eq!(answer, expected(steps, &faults), "{what}{suffix}");
            assert!(delivered <= 1, "{what}{suffix}: {delivered} times");
            if answer == "success" {
                assert_eq!(delivered, 1, "{what}{suffix}");
            }
        }
    }
    println!("{table}");
}

/// Submits a lead while the plan's faults happen, then lets time pass and the scheduler and the drain work. Returns
/// the answer to the sender, and how often the person was signed up.
async fn run_plan<S: TestStack>(
    stack: &S,
    key: Option<&str>,
    number: u32,
    steps: &[&str],
    faults: &Faults,
) -> (Answer, usize) {
    let intake = stack.ports().intake();
    // Equal submissions agree on an id only at the turn of a minute.
    let into_minute = intake.clock.now().as_millisecond().rem_euclid(60_000);
    stack.advance(SignedDuration::from_millis(60_000 - into_minute));
    let form = stack.form().await;
    let before = stack.sign_ups();

    let work = intake.take(&form, arrival(key, number));
    let (answer, taken) = stack.run_with_faults(faults, work).await;
    if answer.is_some() {
        assert_eq!(taken, steps.len() as u64, "every step has a name");
    }
    for _ in 0..3 {
        stack.advance(SignedDuration::from_mins(2));
        let scheduler = stack.ports().scheduler();
        scheduler.release(&BTreeSet::new()).await.unwrap();
        deliver(stack).await;
    }

    let all = LeadFilter::default();
    let records = intake.ledger.leads(&form.customer, &all, None, 1_000).await;
    let mut records = records.unwrap().items;
    records.retain(|record| record.lead.form == form.id);
    assert!(records.len() <= 1);
    for record in records {
        let state = record.state;
        assert!(matches!(state, LeadState::Delivered { .. }), "{state:?}");
    }
    (answer, stack.sign_ups() - before)
}

/// Drains the queue until it is empty.
async fn deliver(stack: &impl TestStack) {
    loop {
        let messages = stack.receive_messages().await;
        if messages.is_empty() {
            return;
        }
        let drain = stack.ports().drain();
        let deadline = drain.keeper.clock.now() + SignedDuration::from_secs(58);
        let handed_back = drain.drain(messages, deadline).await;
        assert_eq!(handed_back, Vec::<String>::new());
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
    let numbered = || (1..).zip(steps.iter().copied());
    for (step, name) in numbered() {
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
        let down = |fault| -> Faults {
            let is_down = |name: &str| if name == "send" { queue } else { table };
            let steps = numbered().filter(|(_, name)| is_down(name));
            steps.map(|(step, _)| (step, fault)).collect()
        };
        for fault in [Fault::FailBefore, Fault::FailAfter] {
            let what = format!("{what} down: {fault:?}");
            let faults = down(fault);
            plans.push(Plan { what, faults });
        }
        for (step, name) in numbered() {
            for fault in [Fault::CrashBefore, Fault::CrashAfter] {
                let what = format!("{what} down, {name}: {fault:?}");
                let mut faults = down(Fault::FailBefore);
                faults.retain(|other, _| *other < step); // a killed function takes no later step
                faults.insert(step, fault);
                plans.push(Plan { what, faults });
            }
        }
    }
    plans
}

fn describe(answer: &Answer) -> &'static str {
    match answer {
        Some(Ok(_)) => "success",
        Some(Err(IntakeError::Unavailable)) => "503",
        Some(Err(error)) => panic!("{error}"),
        None => "nothing",
    }
}

/// A killed function sends no answer. Any other refuses a lead only if neither queue nor table accepted it.
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
