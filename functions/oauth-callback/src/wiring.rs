use lambda_http::Error;
use leadfeed_shared::adapters::{Aws, OsRandom, SystemClock, config};
use leadfeed_shared::app::connect::{Connect, Site};

/// Connecting on AWS, configured by the environment.
///
/// # Errors
/// If a variable is missing or the signing key cannot be read.
pub async fn connect(aws: &Aws) -> Result<Connect<Aws>, Error> {
    Ok(Connect {
        directory: aws.directory()?,
        vault: aws.vault()?,
        apps: aws.apps()?,
        oauth: aws.token_endpoint()?,
        crm: aws.crm()?,
        budget: aws.directory()?,
        ledger: aws.ledger()?,
        queue: aws.queue()?,
        events: aws.events()?,
        clock: SystemClock,
        random: OsRandom,
        keys: aws.signing_keys().await?,
        site: Site {
            service: config::required("LEADFEED_SERVICE_NAME")?,
            public_url: config::public_url()?,
            auth_url: config::base_url("LEADFEED_CC_AUTH_URL")?,
            pkce: config::switch("LEADFEED_PKCE")?,
            stack: config::required("LEADFEED_STACK")?,
        },
    })
}
