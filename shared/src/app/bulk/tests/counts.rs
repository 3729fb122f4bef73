//! Counters of leads on their way through an import.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{backlog, run, run_next};
use crate::app::scene::Scene;
use crate::domain::import::Stage;
use crate::domain::tally::Counts;
use crate::fakes::Fault;
use crate::ports::{Clock as _, Imports as _, Ledger as _, Tallies as _};

/// A submitted import whose leads are counted, and do not change until the run that settles it.
async fn submitted_import() -> Scene {
    let (scene, _) = backlog(101).await;
    run(&scene).await;
    recount(&scene).await;
    scene
}

async fn run_until_crash(scene: &Scene) {
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

/// The counts in the tally, and those of the records in the ledger.
async fn tallied_and_recorded(scene: &Scene) -> (Counts, Counts) {
    let tallies = scene.memory.directory.tallies(&scene.customer).await;
    let mut tallied = tallies.unwrap().remove(0).counts;
    tallied.retain(|_, count| *count != 0);
    let day = scene.memory.clock.now().to_zoned(TimeZone::UTC).date();
    let recorded = scene.memory.ledger.count(&scene.customer, day).await;
    (tallied, recorded.unwrap())
}

#[tokio::test]
async fn tally_matches_the_ledger_after_a_crash_at_any_step_of_settling_an_import() {
    let scene = submitted_import().await;
    let before = scene.memory.faults.steps();
    run_until_crash(&scene).await;
    let steps = scene.memory.faults.steps() - before;

    for step in 1..=steps {
        let scene = submitted_import().await;
        let faults = &scene.memory.faults;
        faults.at(faults.steps() + step, Fault::CrashAfter);
        run_until_crash(&scene).await;
        recount(&scene).await;
        while !is_closed(&scene).await {
            run_next(&scene).await;
        }
        recount(&scene).await;

        let (tallied, recorded) = tallied_and_recorded(&scene).await;
        assert_eq!(tallied, recorded, "step {step} of {steps}");
    }
}
