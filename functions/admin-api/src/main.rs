//! The operator's API.

mod wiring;

use admin_api::handle;
use lambda_http::{Error, lambda_runtime, service_fn};
use leadfeed_shared::adapters::Aws;
use leadfeed_shared::web::run;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let api = wiring::api(&Aws::from_env()?).await?;
    run(service_fn(async |request| {
        Ok::<_, Error>(handle(&api, request).await)
    }))
    .await
}
