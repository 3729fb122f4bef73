use lambda_runtime::Error;
use leadfeed_shared::adapters::{Aws, EmbeddedMetrics, HttpFormEndpoint, SystemClock};
use leadfeed_shared::app::bulk::Bulk;
use leadfeed_shared::app::scheduler::Scheduler;
use leadfeed_shared::app::tally_buffer::TallyBuffer;
use scheduler::Run;

/// A run on the function's own tables, queue and secrets.
///
/// # Errors
/// If a variable is missing or a signing key cannot be read.
pub async fn scheduler(aws: &Aws) -> Result<Run<Aws, EmbeddedMetrics, HttpFormEndpoint>, Error> {
    Ok(Run {
        scheduler: Scheduler {
            bulk: Bulk {
                ledger: aws.ledger()?,
                directory: aws.directory()?,
                keeper: aws.token_keeper()?,
                crm: aws.crm()?,
                keys: aws.signing_keys().await?,
                tallies: TallyBuffer::default(),
            },
            ledger: aws.ledger()?,
            directory: aws.directory()?,
            queue: aws.queue()?,
            apps: aws.apps()?,
            budget: aws.directory()?,
            clock: SystemClock,
        },
        canary: aws.canary().unwrap_or_else(|error| {
            tracing::error!(%error, "there is no canary"); // its alarm reports that; other leads still go out
            None
        }),
        metrics: EmbeddedMetrics::from_env()?,
    })
}
