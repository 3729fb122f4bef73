use lambda_runtime::Error;
use leadfeed_shared::adapters::Aws;
use leadfeed_shared::app::count::Counter;
use leadfeed_shared::app::deliver::{Drain, News, Served};

/// A drain of the function's own queue, with its tables and secrets.
pub async fn drain(aws: &Aws) -> Result<Drain<Aws>, Error> {
    Ok(Drain {
        ledger: aws.ledger()?,
        directory: aws.directory()?,
        keeper: aws.token_keeper()?,
        crm: aws.crm()?,
        keys: aws.signing_keys().await?,
        counter: Counter::default(),
        news: News::default(),
        served: Served::default(),
    })
}
