//! Drains the queue into Constant Contact.
#![recursion_limit = "256"] // futures of the AWS SDK nest deeply

use lambda_runtime::{Error, run, service_fn, tracing};
use leadfeed_shared::adapters::Aws;
use leadfeed_shared::app::deliver::{Counter, Drain, News, Served};
use queue_drain::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let aws = Aws::from_env()?;
    let drain = Drain::<Aws> {
        ledger: aws.ledger()?,
        directory: aws.directory()?,
        keeper: aws.token_keeper()?,
        crm: aws.crm()?,
        keys: aws.signing_keys().await?,
        counter: Counter::default(),
        news: News::default(),
        served: Served::default(),
    };
    run(service_fn(async |event| handle(&drain, event).await)).await
}
