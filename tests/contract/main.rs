//! What the ports promise, checked alike on whatever keeps the promises.
//!
//! A promise is a function over a port, listed once at the head of its file in `promises`. A keeper is a module that
//! opens its ports and calls [`every_promise`]; every promise uses ids of its own, so keepers may share a table.
#![expect(clippy::unwrap_used, reason = "a store that fails here breaks the promise")]

mod aws;
mod fresh;
mod memory;
mod promise;
mod promises;
mod samples;

use libtest_mimic::Arguments;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::from_args();
    let runtime = tokio::runtime::Runtime::new()?;
    let mut trials = memory::trials(runtime.handle());
    trials.extend(runtime.block_on(aws::trials(runtime.handle()))?);
    libtest_mimic::run(&arguments, trials).exit()
}
