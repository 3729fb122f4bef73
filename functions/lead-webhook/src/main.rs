//! The public door: lead forms, signed webhooks and web-to-lead posts.
#![recursion_limit = "256"] // futures of the AWS SDK nest deeply

use lambda_http::{Error, lambda_runtime, service_fn};
use lead_webhook::handle;
use leadfeed_shared::adapters::{Aws, OsDice, Patience, SystemClock};
use leadfeed_shared::app::intake::{Gate, Intake};
use leadfeed_shared::web::run;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let aws = Aws::with(Patience::SHORT)?;
    let (forms, queue) = (aws.directory()?, aws.queue()?);
    let (keys, ..) = tokio::join!(aws.signing_keys(), forms.warm_up(), queue.warm_up());
    let intake = Intake::<Aws> {
        forms,
        ledger: aws.ledger()?,
        queue,
        captcha: aws.captcha()?,
        clock: SystemClock,
        dice: OsDice,
        keys: keys?,
        gate: Gate::default(),
    };
    let handle = async |request| Ok::<_, Error>(handle(&intake, request).await);
    run(service_fn(handle)).await
}
