//! Counters of leads on their way through an import.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{backlog, run, run_next};
use crate::app::scene::Scene;
use crate::domain::import::Stage;
use crate::domain::tally::Counts;
use crate::fakes::Fault;
use crate::ports::{Clock as _, Imports as _, Ledger as _, Tallies as _};

/// Leads of an import, counted and unchanged until the run that settles it.
async fn settling() -> Scene {
    let (scene, _) = backlog(101).await;
    run(&scene).await;
    recount(&scene).await;
    scene
}

async fn settle(scene: &Scene) {
    let deadline = scene.memory.clock.now() + SignedDuration::from_secs(35);
    let bulk = scene.memory.bulk();
    drop(scene.memory.faults.until_crash(bulk.run(deadline)).await);
}

async fn recount(scene: &Scene) {
    scene.memory.clock.advance(SignedDuration::from_mins(15));
    scene
        .memory
        .scheduler()
        .recount(Timestamp::MAX)
        .await
        .unwrap();
}

async fn is_closed(scene: &Scene) -> bool {
    let imports = scene.memory.ledger.imports_of(&scene.customer).await;
    let imports = imports.unwrap();
    imports.iter().all(|import| import.stage == Stage::Closed)
}

/// What the counters say, and what the ledger has.
async fn shown_and_there(scene: &Scene) -> (Counts, Counts) {
    let tallies = scene.memory.directory.tallies(&scene.customer).await;
    let mut shown = tallies.unwrap().remove(0).counts;
    shown.retain(|_, count| *count != 0);
    let day = scene.memory.clock.now().to_zoned(TimeZone::UTC).date();
    let there = scene.memory.ledger.count(&scene.customer, day).await;
    (shown, there.unwrap())
}

#[tokio::test]
async fn what_a_run_that_died_had_settled_is_counted_by_the_end_of_its_import() {
    let scene = settling().await;
    let first = scene.memory.faults.steps();
    settle(&scene).await;
    let steps = scene.memory.faults.steps() - first;

    for step in 1..=steps {
        let scene = settling().await;
        let faults = &scene.memory.faults;
        faults.at(faults.steps() + step, Fault::CrashAfter);
        settle(&scene).await;
        recount(&scene).await;
        while !is_closed(&scene).await {
            run_next(&scene).await;
        }
        recount(&scene).await;

        let (shown, there) = shown_and_there(&scene).await;
        assert_eq!(shown, there, "step {step} of {steps}");
    }
}
