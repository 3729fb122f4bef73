//! Connects a customer's Constant Contact account.

mod wiring;

use lambda_http::{Error, lambda_runtime, service_fn};
use leadfeed_shared::adapters::Aws;
use leadfeed_shared::web::run;
use oauth_callback::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let connect = wiring::connect(&Aws::from_env()?).await?;
    run(service_fn(async |request| {
        Ok::<_, Error>(handle(&connect, request).await)
    }))
    .await
}
