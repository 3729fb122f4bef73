//! The public endpoints: lead forms, signed webhooks and web-to-lead posts.
#![recursion_limit = "256"] // futures of the AWS SDK nest deeply

mod wiring;

use lambda_http::{Error, lambda_runtime, service_fn};
use lead_webhook::handle;
use leadfeed_shared::adapters::{Aws, AwsTimeouts};
use leadfeed_shared::web::run;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let intake = wiring::intake(&Aws::with(AwsTimeouts::SHORT)?).await?;
    run(service_fn(async |request| {
        Ok::<_, Error>(handle(&intake, request).await)
    }))
    .await
}
