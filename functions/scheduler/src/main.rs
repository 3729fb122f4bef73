//! Runs every minute: imports what the budget cannot carry, puts back into the queue what is due, and keeps idle
//! connections alive.
#![recursion_limit = "256"] // futures of the AWS SDK nest deeply

mod wiring;

use lambda_runtime::{Error, run, service_fn, tracing};
use leadfeed_shared::adapters::Aws;
use scheduler::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let minute = wiring::minute(&Aws::from_env()?).await?;
    run(service_fn(async |event| handle(&minute, event).await)).await
}
