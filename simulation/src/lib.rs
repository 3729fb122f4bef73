//! A deterministic simulation: Leadfeed's use cases in a world where everything that can go wrong does, from one seed.
//!
//! [`schedule`] draws from the seed what happens and when; [`play`] makes it happen in a [`world`] of ports in memory,
//! which each running function reaches over a [`wire`] that delays, loses and kills; [`sqs`] models Amazon's queue;
//! [`oracle`] checks every step against its own record, and [`run`] says whether every promise was kept. A schedule that
//! breaks one is made [`shorter`](shrink).

pub mod dice;
pub mod log;
pub mod oracle;
mod play;
pub mod run;
pub mod scale;
pub mod schedule;
pub mod seeds;
mod shrink;
pub mod sqs;
mod tasks;
pub mod wire;
mod world;

pub use run::{Broken, run};
pub use schedule::Case;
pub use shrink::shrink;
pub use wire::Guard;

/// A failing case as readable text: its world, its events, the log, and how to replay it.
#[must_use]
pub fn report(case: &Case, without: Option<Guard>) -> String {
    let Err(broken) = run(case, without, true) else {
        return format!("seed {} keeps every promise", case.seed);
    };
    let steps: Vec<_> = case
        .steps
        .iter()
        .map(|step| format!("  {:#} {:?}", step.after, step.event))
        .collect();
    let without = without.map_or(String::new(), |guard| format!(" --without {guard}"));
    format!(
        "{:?}\n{}\n\n{broken}\n\nreplay: cargo run --profile simulation -p leadfeed-simulation -- --seed {}{without}",
        case.setting,
        steps.join("\n"),
        case.seed,
    )
}
