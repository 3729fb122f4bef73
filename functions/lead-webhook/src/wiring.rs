use lambda_http::Error;
use leadfeed_shared::adapters::{Aws, OsRandom, SystemClock};
use leadfeed_shared::app::intake::{Intake, RateLimiter};

/// Intake on AWS, configured by the environment, with connections already open to what every lead needs.
///
/// # Errors
/// If a variable is missing or the signing key cannot be read.
pub async fn intake(aws: &Aws) -> Result<Intake<Aws>, Error> {
    let (directory, queue) = (aws.directory()?, aws.queue()?);
    let (keys, ..) = tokio::join!(aws.signing_keys(), directory.warm_up(), queue.warm_up());
    Ok(Intake {
        directory,
        ledger: aws.ledger()?,
        queue,
        captcha: aws.captcha()?,
        clock: SystemClock,
        random: OsRandom,
        keys: keys?,
        limiter: RateLimiter::default(),
    })
}
