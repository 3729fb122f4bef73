//! Delivers leads from the queue to Constant Contact.
#![recursion_limit = "256"] // futures of the AWS SDK nest deeply

mod wiring;

use lambda_runtime::{Error, run, service_fn, tracing};
use leadfeed_shared::adapters::Aws;
use queue_drain::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let drain = wiring::drain(&Aws::from_env()?).await?;
    run(service_fn(async |event| handle(&drain, event).await)).await
}
