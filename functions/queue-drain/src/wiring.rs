use lambda_runtime::Error;
use leadfeed_shared::adapters::Aws;
use leadfeed_shared::app::deliver::{CallsToday, Drain, PendingEvents};
use leadfeed_shared::app::tally_buffer::TallyBuffer;

/// A drain of the function's own queue, with its tables and secrets.
pub async fn drain(aws: &Aws) -> Result<Drain<Aws>, Error> {
    Ok(Drain {
        ledger: aws.ledger()?,
        directory: aws.directory()?,
        keeper: aws.token_keeper()?,
        crm: aws.crm()?,
        keys: aws.signing_keys().await?,
        tallies: TallyBuffer::default(),
        events: PendingEvents::default(),
        calls_today: CallsToday::default(),
    })
}
