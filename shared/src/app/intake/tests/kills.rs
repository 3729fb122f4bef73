//! Whatever strikes while a lead is taken in, one that was answered with success is delivered once.

use std::fmt::Write as _;

use jiff::SignedDuration;

use crate::app::intake::{Accepted, Arrival, Door, IntakeError};
use crate::app::scene::Scene;
use crate::domain::consent::Origin;
use crate::domain::submission::Submission;
use crate::fakes::{Call, Fault};

/// What one step does, by its place: with a key, and without.
const KEYED: [&str; 4] = ["claim the key", "look back", "send", "record"];
const PLAIN: [&str; 3] = ["look back", "send", "record"];

type Told = Option<Result<Accepted, IntakeError>>;

fn arrival(key: Option<&str>) -> Arrival {
    let fields = [("email", "ada@example.com"), ("consent", "yes")];
    Arrival {
        fields: Submission::from_pairs(fields).unwrap(),
        origin: Origin::default(),
        door: Door::Form,
        key: key.map(|key| key.parse().unwrap()),
    }
}

/// Takes a lead in while the steps fail as planned, and then lets time, the scheduler and the drain do their work. What
/// the caller was told, and how often the person was signed up.
async fn struck(key: Option<&str>, faults: &[(usize, Fault)]) -> (Told, usize) {
    let scene = Scene::connected().await;
    let before = scene.memory.faults.steps();
    for (step, fault) in faults {
        scene.memory.faults.at(before + *step as u64, *fault);
    }
    let intake = scene.memory.intake();
    let work = intake.take(&scene.form, arrival(key));
    let told = scene.memory.faults.until_crash(work).await;

    for _ in 0..3 {
        scene.memory.clock.advance(SignedDuration::from_mins(2));
        scene.memory.release().run().await.unwrap();
        while !scene.memory.queue.sent().is_empty() {
            scene.drain().await;
        }
    }
    assert!(scene.memory.ledger.all().len() <= 1);
    (told, scene.memory.crm.count(Call::SignUp))
}

fn word(told: &Told) -> &'static str {
    match told {
        Some(Ok(_)) => "success",
        Some(Err(IntakeError::Unavailable)) => "503",
        Some(Err(error)) => panic!("{error}"),
        None => "nothing",
    }
}

#[tokio::test]
async fn every_lead_answered_with_success_is_delivered_once_whatever_strikes_and_where() {
    let mut table = String::from("\n| struck at | how | answer | delivered |\n|---|---|---|---|\n");
    for (key, steps) in [(None, PLAIN.as_slice()), (Some("k"), KEYED.as_slice())] {
        for (place, step) in steps.iter().enumerate() {
            for fault in [
                Fault::CrashBefore,
                Fault::CrashAfter,
                Fault::FailBefore,
                Fault::FailAfter,
            ] {
                let (told, delivered) = struck(key, &[(place + 1, fault)]).await;
                let with = key.map_or("", |_| " (with a key)");
                writeln!(
                    table,
                    "| {step}{with} | {fault:?} | {} | {delivered} |",
                    word(&told)
                )
                .unwrap();
                check(&told, delivered);
            }
        }
    }
    println!("{table}");
}

#[tokio::test]
async fn with_queue_and_table_down_in_any_way_nothing_is_promised_that_is_not_kept() {
    let mut table = String::from("\n| down | answer | delivered |\n|---|---|---|\n");
    let ways = [Fault::FailBefore, Fault::FailAfter];
    for (key, look, send, record) in [(None, 1, 2, 3), (Some("k"), 2, 3, 4)] {
        let down = |steps: &[usize], way| steps.iter().map(|step| (*step, way)).collect::<Vec<_>>();
        for way in ways {
            let mut table_down = down(&[look, record], way);
            table_down.extend(key.map(|_| (1, way)));
            let mut both = table_down.clone();
            both.push((send, way));
            for (what, faults) in [
                ("queue", down(&[send], way)),
                ("table", table_down),
                ("both", both),
            ] {
                let (told, delivered) = struck(key, &faults).await;
                let with = key.map_or("", |_| ", with a key");
                writeln!(
                    table,
                    "| {what}, {way:?}{with} | {} | {delivered} |",
                    word(&told)
                )
                .unwrap();
                check(&told, delivered);
                assert_eq!(word(&told) == "503", what == "both", "{what} {way:?}");
            }
        }
    }
    println!("{table}");
}

fn check(told: &Told, delivered: usize) {
    match told {
        Some(Ok(_)) => assert_eq!(delivered, 1),
        _ => assert!(delivered <= 1, "delivered {delivered} times"),
    }
}
