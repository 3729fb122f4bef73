//! Contract tests: the ports' promises, checked on every implementation.
//!
//! A promise is a function over a port, listed once at the head of its file in `promises`. An implementation is a
//! module that opens its ports and calls [`promise_trials`]; every promise uses ids of its own, so implementations may
//! share a table.
#![recursion_limit = "256"] // futures of the AWS SDK nest deeply
#![expect(
    clippy::unwrap_used,
    reason = "a store that fails here breaks the promise"
)]

mod aws;
mod bus;
mod captcha;
mod dynamo;
mod fresh;
mod keeper;
mod kills;
mod memory;
mod promise;
mod promises;
mod rate;
mod real;
mod samples;
mod strict;
mod wire;

use leadfeed_local::MiniStack;
use leadfeed_local::progress::Progress;
use libtest_mimic::Arguments;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::from_args();
    let runtime = tokio::runtime::Runtime::new()?;
    let ministack = runtime.block_on(MiniStack::start_empty(&Progress::new()))?;
    let aws = ministack.aws()?;
    let mut trials = memory::trials(runtime.handle());
    let (aws, exclusive) = runtime.block_on(aws::trials(&aws, runtime.handle()))?;
    trials.extend(aws);
    let conclusion = libtest_mimic::run(&arguments, trials);
    let last = libtest_mimic::run(&arguments, vec![exclusive]);
    drop(ministack);
    conclusion.exit_if_failed();
    last.exit()
}
