//! Runs every minute: does the minute's work, and measures what the alarms watch.
#![recursion_limit = "256"] // futures of the AWS SDK nest deeply

mod wiring;

use lambda_runtime::{Error, run, service_fn, tracing};
use leadfeed_shared::adapters::Aws;
use scheduler::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let scheduler = wiring::scheduler(&Aws::from_env()?).await?;
    run(service_fn(async |event| handle(&scheduler, event).await)).await
}
