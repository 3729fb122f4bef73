use std::sync::OnceLock;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use secrecy::SecretString;

use super::config::{self, ConfigError};
use super::dynamo::{DynamoDirectory, DynamoLedger};
use super::events::EventBridge;
use super::http::{Http, HttpTimeouts};
use super::sdk_http;
use super::secrets::{Secrets, SecretsAdminTokens, SecretsApps, SecretsVault};
use super::sqs::SqsQueue;
use crate::domain::keys::SigningKeys;
use crate::ports::StoreError;

/// How long one AWS operation may take, and each attempt at it.
#[derive(Debug, Clone, Copy)]
pub struct AwsTimeouts {
    /// One attempt.
    pub attempt: Duration,
    /// All attempts together.
    pub operation: Duration,
    /// The longest pause before the second attempt; before the third it is twice as long.
    pub pause: Duration,
}

impl AwsTimeouts {
    /// Three attempts if none of them hangs, else as many as there is time for: for functions where no person waits for
    /// each lead, and for what any function reads at its start.
    pub const LONG: Self = Self {
        attempt: Duration::from_secs(3),
        operation: Duration::from_secs(8),
        pause: Duration::from_secs(1),
    };

    /// Three attempts, or two if the first hangs, for the public endpoints. A connection that died unnoticed while the
    /// function was frozen takes a whole attempt, so the pause is short: the second has nearly as long.
    ///
    /// A lead costs up to [`MAX_STEPS`](crate::app::intake::MAX_STEPS) operations in sequence, and a captcha's
    /// provider has 4 s: 10 × 2 s + 4 s = 24 s, of the 25 that the template allows. So the function answers before it
    /// is ended, whatever hangs: a store that does not answer loses no lead while another keeps it.
    pub const SHORT: Self = Self {
        attempt: Duration::from_secs(1),
        operation: Duration::from_secs(2),
        pause: Duration::from_millis(50),
    };
}

/// Makes the adapters. All settings come from the function's environment: region and credentials as Lambda sets them,
/// no profile, no metadata service.
///
/// DynamoDB and Secrets Manager have one client each, made when the first adapter needs it; those of SQS and EventBridge
/// are made with their adapters. They all share one pool of connections with Constant Contact's.
#[derive(Debug)]
pub struct Aws {
    pub(crate) http: Http,
    config: SdkConfig,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
}

impl Aws {
    /// From `AWS_REGION`, the credentials' variables and, if set, `AWS_ENDPOINT_URL`.
    ///
    /// # Errors
    /// [`ConfigError`] if there is no region.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::with(AwsTimeouts::LONG)
    }

    /// The same, with timeouts of the function's own.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn with(aws_timeouts: AwsTimeouts) -> Result<Self, ConfigError> {
        let http = Http::new(HttpTimeouts::default()).map_err(|_| ConfigError::Tls)?;
        let region = Region::new(config::required("AWS_REGION")?);
        let credentials = EnvironmentVariableCredentialsProvider::new();
        let mut builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(retries(aws_timeouts))
            .timeout_config(timeouts(aws_timeouts))
            .http_client(sdk_http::client(&http));
        builder.set_endpoint_url(config::optional("AWS_ENDPOINT_URL"));
        Ok(Self {
            http,
            config: builder.build(),
            dynamodb: OnceLock::new(),
            secrets: OnceLock::new(),
        })
    }

    /// The table `LEADFEED_DIRECTORY_TABLE`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn directory(&self) -> Result<DynamoDirectory, ConfigError> {
        let table = config::required("LEADFEED_DIRECTORY_TABLE")?;
        Ok(DynamoDirectory::new(self.dynamodb(), table))
    }

    /// The table `LEADFEED_LEDGER_TABLE`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn ledger(&self) -> Result<DynamoLedger, ConfigError> {
        let table = config::required("LEADFEED_LEDGER_TABLE")?;
        Ok(DynamoLedger::new(self.dynamodb(), table))
    }

    /// The queue `LEADFEED_QUEUE_URL`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn queue(&self) -> Result<SqsQueue, ConfigError> {
        let url = config::required("LEADFEED_QUEUE_URL")?;
        Ok(SqsQueue::new(aws_sdk_sqs::Client::new(&self.config), url))
    }

    /// The queue `LEADFEED_DEAD_LETTERS_URL`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn dead_letters(&self) -> Result<SqsQueue, ConfigError> {
        let url = config::required("LEADFEED_DEAD_LETTERS_URL")?;
        Ok(SqsQueue::new(aws_sdk_sqs::Client::new(&self.config), url))
    }

    /// The bus `LEADFEED_EVENT_BUS`, for the stack `LEADFEED_STACK`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn events(&self) -> Result<EventBridge, ConfigError> {
        let bus = config::required("LEADFEED_EVENT_BUS")?;
        Ok(EventBridge::new(
            aws_sdk_eventbridge::Client::new(&self.config),
            bus,
            config::required("LEADFEED_STACK")?,
        ))
    }

    /// Tokens of connections, under `LEADFEED_SECRET_PREFIX`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn vault(&self) -> Result<SecretsVault, ConfigError> {
        Ok(SecretsVault::new(self.secrets(), secret_prefix()?))
    }

    /// Applications, under `LEADFEED_SECRET_PREFIX`, with limits in `LEADFEED_DIRECTORY_TABLE`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn apps(&self) -> Result<SecretsApps, ConfigError> {
        let directory = self.directory()?;
        Ok(SecretsApps::new(
            self.secrets(),
            secret_prefix()?,
            directory,
        ))
    }

    /// The captcha providers, with secrets under `LEADFEED_SECRET_PREFIX`. If `LEADFEED_CAPTCHA_URL` is set, it
    /// replaces them all.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn captcha(&self) -> Result<super::SiteVerify, ConfigError> {
        let name = "LEADFEED_CAPTCHA_URL";
        let base = config::optional(name).map(|_| config::base_url(name));
        Ok(super::SiteVerify::new(
            self.secrets(),
            secret_prefix()?,
            base.transpose()?,
        ))
    }

    /// The keys that sign links and receipts.
    ///
    /// # Errors
    /// [`StoreError`] if the secret is missing or cannot be read.
    pub async fn signing_keys(&self) -> Result<SigningKeys, StoreError> {
        self.key("keys/signing").await.map(SigningKeys::new)
    }

    /// The bearer tokens of the operator's API.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn admin_tokens(&self) -> Result<SecretsAdminTokens, ConfigError> {
        Ok(SecretsAdminTokens::new(self.secrets(), secret_prefix()?))
    }

    async fn key(&self, name: &str) -> Result<SecretString, StoreError> {
        let prefix = secret_prefix().map_err(StoreError::new)?;
        let secrets = Secrets::new(self.secrets_at_start(), prefix);
        let value = secrets.read(name).await?;
        value.ok_or_else(|| StoreError::new(format!("the secret {name} has no value")))
    }

    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let client = || aws_sdk_dynamodb::Client::new(&self.config);
        self.dynamodb.get_or_init(client).clone()
    }

    fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        let client = || aws_sdk_secretsmanager::Client::new(&self.config);
        self.secrets.get_or_init(client).clone()
    }

    /// A client with long timeouts in every function: without what it reads at its start, a function does not run at
    /// all. All attempts together fit into the 10 s that Lambda allows for a start.
    fn secrets_at_start(&self) -> aws_sdk_secretsmanager::Client {
        let config = aws_sdk_secretsmanager::config::Builder::from(&self.config)
            .timeout_config(timeouts(AwsTimeouts::LONG))
            .retry_config(retries(AwsTimeouts::LONG));
        aws_sdk_secretsmanager::Client::from_conf(config.build())
    }
}

fn secret_prefix() -> Result<String, ConfigError> {
    config::required("LEADFEED_SECRET_PREFIX")
}

fn retries(aws_timeouts: AwsTimeouts) -> RetryConfig {
    let retries = RetryConfig::standard().with_max_attempts(3);
    retries.with_initial_backoff(aws_timeouts.pause)
}

fn timeouts(aws_timeouts: AwsTimeouts) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(1_500))
        .operation_attempt_timeout(aws_timeouts.attempt)
        .operation_timeout(aws_timeouts.operation)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the timeouts of the public endpoints.
    fn aws() -> Aws {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .retry_config(retries(AwsTimeouts::SHORT))
            .timeout_config(timeouts(AwsTimeouts::SHORT));
        Aws {
            http: Http::new(HttpTimeouts::default()).unwrap(),
            config: config.build(),
            dynamodb: OnceLock::new(),
            secrets: OnceLock::new(),
        }
    }

    #[test]
    fn secrets_read_at_start_have_longer_timeouts_than_those_read_for_a_lead() {
        let aws = aws();
        let configured = |client: aws_sdk_secretsmanager::Client| {
            let timeouts = client.config().timeout_config().unwrap().clone();
            (
                timeouts.operation_attempt_timeout(),
                timeouts.operation_timeout(),
            )
        };
        let expected = |timeouts: AwsTimeouts| (Some(timeouts.attempt), Some(timeouts.operation));

        assert_eq!(
            configured(aws.secrets_at_start()),
            expected(AwsTimeouts::LONG)
        );
        assert_eq!(configured(aws.secrets()), expected(AwsTimeouts::SHORT));
    }

    #[test]
    fn dynamodb_and_secrets_clients_make_at_most_three_attempts() {
        let (aws, three) = (aws(), Some(3));
        let attempts = |retries: Option<&RetryConfig>| retries.map(RetryConfig::max_attempts);

        assert_eq!(attempts(aws.dynamodb().config().retry_config()), three);
        assert_eq!(attempts(aws.secrets().config().retry_config()), three);
        assert_eq!(
            attempts(aws.secrets_at_start().config().retry_config()),
            three
        );
    }

    #[test]
    fn attempt_after_one_that_hung_has_nearly_its_full_time() {
        let AwsTimeouts {
            attempt, operation, ..
        } = AwsTimeouts::SHORT;
        let client = aws().dynamodb();

        let pause = client.config().retry_config().unwrap().initial_backoff();

        assert!(operation - attempt - pause > attempt * 9 / 10);
    }
}
