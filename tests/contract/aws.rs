use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use leadfeed_shared::adapters::{SecretsApps, SecretsVault, SqsQueue};
use libtest_mimic::Trial;
use tokio::runtime::Handle;

use crate::dynamo::Tables;
use crate::promise::{Ports, every_promise};
use crate::{bus, captcha, fresh, keeper, kills, rate, strict};

/// The AWS adapters, on the MiniStack at `endpoint`, and a trial that wants it for itself.
pub async fn trials(endpoint: &str, runtime: &Handle) -> anyhow::Result<(Vec<Trial>, Trial)> {
    let config = config(endpoint);
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let sqs = aws_sdk_sqs::Client::new(&config);
    let strict = config
        .to_builder()
        .endpoint_url(strict::secrets(endpoint).await?);
    let secrets = aws_sdk_secretsmanager::Client::new(&strict.build());
    let stack = fresh::text();
    let prefix = format!("leadfeed/{stack}");
    let tables = both_tables(&dynamodb, &stack).await?;
    let directory = tables.directory();
    let ports = Ports {
        ledger: tables.ledger(),
        queue: SqsQueue::new(sqs.clone(), queue(&sqs, &stack).await?),
        vault: SecretsVault::new(secrets.clone(), prefix.clone()),
        apps: SecretsApps::new(secrets, prefix, directory.clone()),
        budget: directory.clone(),
        directory,
    };
    let mut trials = every_promise("aws", &ports, runtime);
    trials.extend(tables.trials(runtime));
    trials.push(bus::trial(&config, runtime));
    trials.push(captcha::trial(&config, runtime));
    trials.extend(keeper::trials(&config, &tables, runtime));
    let apart = fresh::text();
    let (own, own_queue) = (
        both_tables(&dynamodb, &apart).await?,
        queue(&sqs, &apart).await?,
    );
    trials.push(kills::aws(&config, own, own_queue, runtime));
    Ok((trials, rate::trial(&config, &tables, runtime)))
}

fn config(endpoint: &str) -> SdkConfig {
    let nobody = Credentials::from_keys("test", "test", None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(nobody))
        .retry_config(RetryConfig::standard())
        .endpoint_url(endpoint)
        .build()
}

async fn queue(sqs: &aws_sdk_sqs::Client, stack: &str) -> anyhow::Result<String> {
    let made = sqs.create_queue().queue_name(stack).send().await?;
    Ok(made.queue_url.unwrap_or_default())
}

async fn both_tables(client: &aws_sdk_dynamodb::Client, stack: &str) -> anyhow::Result<Tables> {
    Ok(Tables {
        directory: directory(client, stack).await?,
        ledger: ledger(client, stack).await?,
        client: client.clone(),
    })
}

async fn directory(client: &aws_sdk_dynamodb::Client, stack: &str) -> anyhow::Result<String> {
    let indexes = vec![index("by_owner", "owner", Some("pk"), ProjectionType::All)?];
    table(client, format!("{stack}-directory"), &["owner"], indexes).await
}

async fn ledger(client: &aws_sdk_dynamodb::Client, stack: &str) -> anyhow::Result<String> {
    let indexes = vec![
        index("due", "due_shard", Some("due_at"), ProjectionType::KeysOnly)?,
        index("by_lead", "sk", None, ProjectionType::KeysOnly)?,
        index("by_person", "person", None, ProjectionType::KeysOnly)?,
    ];
    table(
        client,
        format!("{stack}-ledger"),
        &["due_shard", "due_at", "person"],
        indexes,
    )
    .await
}

/// A table as the template has it.
async fn table(
    client: &aws_sdk_dynamodb::Client,
    name: String,
    indexed: &[&str],
    indexes: Vec<GlobalSecondaryIndex>,
) -> anyhow::Result<String> {
    let mut request = client
        .create_table()
        .table_name(&name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys("pk", Some("sk"))?))
        .set_global_secondary_indexes(Some(indexes));
    for attribute in ["pk", "sk"].iter().chain(indexed) {
        let kind = match *attribute {
            "due_at" => ScalarAttributeType::N,
            _ => ScalarAttributeType::S,
        };
        let definition = AttributeDefinition::builder().attribute_name(*attribute);
        request = request.attribute_definitions(definition.attribute_type(kind).build()?);
    }
    request.send().await?;
    Ok(name)
}

fn index(
    name: &str,
    hash: &str,
    range: Option<&str>,
    projection: ProjectionType,
) -> anyhow::Result<GlobalSecondaryIndex> {
    Ok(GlobalSecondaryIndex::builder()
        .index_name(name)
        .set_key_schema(Some(keys(hash, range)?))
        .projection(Projection::builder().projection_type(projection).build())
        .build()?)
}

fn keys(hash: &str, range: Option<&str>) -> anyhow::Result<Vec<KeySchemaElement>> {
    let key = |name, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
    };
    let mut keys = vec![key(hash, KeyType::Hash)?];
    if let Some(range) = range {
        keys.push(key(range, KeyType::Range)?);
    }
    Ok(keys)
}
