//! The mutation check: a world that lacks one guard does not get through a thousand seeds.

use clap::ValueEnum as _;
use leadfeed_simulation::Guard;
use leadfeed_simulation::seeds::search;

#[test]
fn without_any_one_guard_a_promise_is_broken_within_a_thousand_seeds() {
    let mut unnoticed = Vec::new();
    for guard in Guard::value_variants() {
        match search(0, 1_000, Some(*guard)) {
            Some(found) => eprintln!(
                "without {guard}: {} after {} seeds (seed {})",
                found.broken.violation, found.after, found.seed
            ),
            None => unnoticed.push(guard.to_string()),
        }
    }

    assert!(unnoticed.is_empty(), "nobody misses {unnoticed:?}");
}
