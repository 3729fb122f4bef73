//! Runs every minute: puts back into the queue what is due, and keeps idle connections alive.
#![recursion_limit = "256"] // futures of the AWS SDK nest deeply

use lambda_runtime::{Error, run, service_fn, tracing};
use leadfeed_shared::adapters::{Aws, SystemClock};
use leadfeed_shared::app::recount::Recount;
use leadfeed_shared::app::release::Release;
use scheduler::{Run, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let aws = Aws::from_env()?;
    let release = Release::<Aws> {
        ledger: aws.ledger()?,
        connections: aws.directory()?,
        queue: aws.queue()?,
        apps: aws.apps()?,
        budget: aws.directory()?,
        clock: SystemClock,
    };
    let keeper = aws.token_keeper()?;
    let recount = Recount {
        ledger: aws.ledger()?,
        directory: aws.directory()?,
        clock: SystemClock,
    };
    let minute = Run {
        release,
        keeper,
        recount,
    };
    run(service_fn(async |event| handle(&minute, event).await)).await
}
