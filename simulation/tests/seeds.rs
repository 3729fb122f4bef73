//! Seeds that have to keep every promise: some in every test run, 10,000 in CI, by the program and with optimisation.

use leadfeed_simulation::seeds::{FailingSeed, search};
use leadfeed_simulation::{Case, Guard, report, run, shrink};

#[test]
fn every_seed_keeps_every_promise() {
    if let Some(FailingSeed { seed, .. }) = search(0, 1_000, None) {
        panic!("{}", report(&shrink(&Case::of(seed), None), None));
    }
}

#[test]
fn failing_seed_replays_identically_and_shrinks_to_the_same_broken_promise() {
    let guard = Some(Guard::Claim);
    let found = search(0, 1_000, guard).expect("a seed that breaks a promise");
    let case = Case::of(found.seed);

    let [once, again] = [0, 1].map(|_| run(&case, guard, true).expect_err("broken"));
    let shorter = shrink(&case, guard);

    assert_eq!((once.violation, &once.log), (again.violation, &again.log));
    assert!(once.log.len() > 20, "{:?}", once.log);
    assert!(shorter.steps.len() < case.steps.len());
    let broken = run(&shorter, guard, false).expect_err("still broken");
    assert_eq!(broken.violation.promise, found.broken.violation.promise);
}
