//! The stub with one customer, and the events for its functions.

use std::fs;

use anyhow::Result;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::budget::Limits;
use leadfeed_shared::domain::token::Tokens;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::aws::{Aws, DIRECTORY};
use crate::programs;
use crate::world::{FORM, Remote, World, batch};

/// Faster than any drain, so that the drain is measured and not the limit.
const UNLIMITED: Limits = Limits {
    per_second: 1_000,
    per_day: 1_000_000_000,
};

/// The prepared stub.
pub struct Stage {
    pub aws: Aws,
    world: World,
}

impl Stage {
    pub async fn prepare() -> Result<Self> {
        let aws = Aws::start().await?;
        let remote = Remote {
            tokens: Tokens {
                access: "access".repeat(150).into(), // as long as a real one
                refresh: "refresh".into(),
                expires_at: Timestamp::now() + SignedDuration::from_hours(23),
                scope: "contact_data account_read offline_access".into(),
            },
            list: "5e7b1a1c-0000-11ee-8c99-0242ac120002".parse()?,
            limits: UNLIMITED,
        };
        let world = World::create(sdk(&aws.url), remote).await?;
        let secret = world.fixtures.webhook_secret();
        let secret = [("webhook_secret", secret.expose_secret())]; // where the peers look for it
        aws.set_texts(DIRECTORY, &format!("FORM#{FORM}"), "FORM", &secret);
        aws.set_frozen(true);
        Ok(Self { aws, world })
    }

    /// A batch of fresh leads for the drain. None of its effects are stored, so it can be given again.
    pub async fn batch(&self, size: u32) -> Result<Bytes> {
        self.aws.set_frozen(false);
        let tasks = self.world.queued(size).await?;
        self.aws.set_frozen(true);
        Ok(Bytes::from(batch(&tasks)?.to_string()))
    }

    /// The sample event of a lead as JSON, sent to the webhook endpoint and signed just now.
    pub fn webhook(&self) -> Result<Bytes> {
        let mut event: Value = serde_json::from_slice(&fs::read(programs::event("lead-json"))?)?;
        let path = format!("/hooks/{FORM}");
        let body = event["body"].as_str().unwrap_or_default().to_owned();
        let secret = self.world.fixtures.webhook_secret();
        let hook = Webhook::new(secret.expose_secret())?;
        let (id, now) = ("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", Timestamp::now());
        let signature = hook.sign(id, now.as_second(), body.as_bytes())?;
        event["routeKey"] = json!("ANY /hooks/{proxy+}");
        event["rawPath"] = json!(path);
        event["requestContext"]["http"]["path"] = json!(path);
        event["headers"]["webhook-id"] = json!(id);
        event["headers"]["webhook-timestamp"] = json!(now.as_second().to_string());
        event["headers"]["webhook-signature"] = json!(signature);
        Ok(Bytes::from(event.to_string()))
    }
}

/// The configuration of clients for an endpoint on this machine.
pub fn sdk(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::from_keys("test", "test", None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard())
        .endpoint_url(endpoint)
        .build()
}
