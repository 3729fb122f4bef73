//! Runs many seeds, or shows one.

use std::process::ExitCode;

use clap::Parser;
use leadfeed_simulation::scale::growth;
use leadfeed_simulation::seeds::{FailingSeed, search};
use leadfeed_simulation::{Case, Guard, run, shrink};

/// Simulates the use cases in a world where everything goes wrong that can.
#[derive(Debug, Parser)]
struct Args {
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// Shows one seed from beginning to end instead.
    #[arg(long, conflicts_with_all = ["from", "seeds"])]
    seed: Option<u64>,
    /// Removes a guard.
    #[arg(long, value_enum)]
    without: Option<Guard>,
    /// Measures a day with this many customers and leads instead, such as `1000 100000`.
    #[arg(long, num_args = 2, value_names = ["CUSTOMERS", "LEADS"], exclusive = true)]
    growth: Option<Vec<u32>>,
    /// Does not shorten a failing schedule.
    #[arg(long)]
    whole: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some([customers, leads]) = args.growth.as_deref() {
        println!("{:#?}", growth(*customers, *leads));
        return ExitCode::SUCCESS;
    }
    let broken = match args.seed {
        Some(seed) => {
            let case = Case::of(seed);
            run(&case, args.without, true).err().map(|_| case)
        }
        None => search(args.from, args.seeds, args.without)
            .map(|FailingSeed { seed, .. }| Case::of(seed)),
    };
    let Some(case) = broken else {
        println!("every promise was kept");
        return ExitCode::SUCCESS;
    };
    let case = if args.whole {
        case
    } else {
        shrink(&case, args.without)
    };
    println!("{}", leadfeed_simulation::report(&case, args.without));
    ExitCode::FAILURE
}
