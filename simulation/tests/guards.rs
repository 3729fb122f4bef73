//! The mutation check: a world that lacks one guard does not get through a thousand seeds.

use clap::ValueEnum as _;
use leadfeed_simulation::Guard;
use leadfeed_simulation::seeds::search;

#[test]
fn removing_any_guard_breaks_a_promise_within_1000_seeds() {
    let mut unnoticed = Vec::new();
    for guard in Guard::value_variants() {
        match search(0, 1_000, Some(*guard)) {
            Some(found) => eprintln!(
                "without {guard}: {} after {} seeds (seed {})",
                found.broken.violation, found.seeds_run, found.seed
            ),
            None => unnoticed.push(guard.to_string()),
        }
    }

    assert!(
        unnoticed.is_empty(),
        "no promise is broken without {unnoticed:?}"
    );
}
