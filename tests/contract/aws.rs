use leadfeed_local::aws::Aws;
use leadfeed_local::tables;
use leadfeed_shared::adapters::{SecretsApps, SecretsVault, SqsQueue, SystemClock};
use leadfeed_tests::sdk;
use libtest_mimic::Trial;
use tokio::runtime::Handle;

use crate::dynamo::Tables;
use crate::promise::{TestedPorts, promise_trials};
use crate::real::Real;
use crate::{bus, captcha, fresh, keeper, kills, rate, strict};

/// Trials of the AWS adapters on a MiniStack, and one that needs the MiniStack to itself.
pub async fn trials(aws: &Aws, runtime: &Handle) -> anyhow::Result<(Vec<Trial>, Trial)> {
    let direct = sdk(aws.endpoint());
    let config = sdk(&strict::proxy(aws.endpoint()).await?);
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let sqs = aws_sdk_sqs::Client::new(&config);
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let stack = fresh::text();
    let prefix = format!("leadfeed/{stack}");
    let tables = both_tables(aws, &dynamodb, &stack).await?;
    let directory = tables.directory();
    let ports = TestedPorts::<Real<SystemClock>> {
        ledger: tables.ledger(),
        queue: SqsQueue::new(sqs.clone(), queue(&sqs, &stack).await?),
        vault: SecretsVault::new(secrets.clone(), prefix.clone()),
        apps: SecretsApps::new(secrets, prefix, directory.clone()),
        budget: directory.clone(),
        directory,
    };
    let mut trials = promise_trials("aws", &ports, runtime);
    trials.extend(tables.trials(runtime));
    trials.push(bus::trial(&config, runtime));
    trials.push(captcha::trial(&config, runtime));
    trials.push(captcha::deleted_secret_trial(&config, runtime));
    trials.extend(keeper::trials(&config, &tables, runtime));
    let kills_stack = fresh::text();
    let (kills_tables, kills_queue) = (
        both_tables(aws, &dynamodb, &kills_stack).await?,
        queue(&sqs, &kills_stack).await?,
    );
    trials.push(kills::aws(&config, kills_tables, kills_queue, runtime));
    Ok((trials, rate::trial(&direct, &tables, runtime)))
}

async fn queue(sqs: &aws_sdk_sqs::Client, stack: &str) -> anyhow::Result<String> {
    let created = sqs.create_queue().queue_name(stack).send().await?;
    Ok(created.queue_url.unwrap_or_default())
}

async fn both_tables(
    aws: &Aws,
    client: &aws_sdk_dynamodb::Client,
    stack: &str,
) -> anyhow::Result<Tables> {
    let tables = Tables {
        client: client.clone(),
        directory: format!("{stack}-directory"),
        ledger: format!("{stack}-ledger"),
    };
    tables::create_tables(aws, &tables.directory, &tables.ledger).await?;
    Ok(tables)
}
