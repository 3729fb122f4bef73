use lambda_runtime::Error;
use leadfeed_shared::adapters::{Aws, EmbeddedMetrics, SystemClock};
use leadfeed_shared::app::gauges::Gauges;
use leadfeed_shared::app::recount::Recount;
use leadfeed_shared::app::release::Release;
use scheduler::Run;

/// A run on the function's own tables, queue and secrets.
///
/// # Errors
/// What the environment lacks.
pub fn minute(aws: &Aws) -> Result<Run<Aws, EmbeddedMetrics>, Error> {
    Ok(Run {
        release: Release {
            ledger: aws.ledger()?,
            connections: aws.directory()?,
            queue: aws.queue()?,
            apps: aws.apps()?,
            budget: aws.directory()?,
            clock: SystemClock,
        },
        keeper: aws.token_keeper()?,
        recount: Recount {
            ledger: aws.ledger()?,
            directory: aws.directory()?,
            clock: SystemClock,
        },
        gauges: Gauges {
            ledger: aws.ledger()?,
            directory: aws.directory()?,
            apps: aws.apps()?,
            budget: aws.directory()?,
            clock: SystemClock,
        },
        metrics: EmbeddedMetrics::from_env()?,
    })
}
