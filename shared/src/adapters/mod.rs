//! The ports implemented with DynamoDB, SQS, Secrets Manager, EventBridge and the Constant Contact API, and the
//! configuration from the environment.
//!
//! Adapters translate and decide nothing. One atomic step of a port is one conditional request here.

mod aws;
mod captcha;
mod clock;
pub mod config;
mod constant_contact;
mod dynamo;
mod events;
mod form_endpoint;
mod http;
mod metrics;
mod sdk_error;
mod sdk_http;
mod secrets;
mod sqs;

pub use aws::{Aws, AwsTimeouts};
pub use captcha::SiteVerify;
pub use clock::{OsRandom, SystemClock};
pub use constant_contact::{ConstantContact, TokenEndpoint};
pub use dynamo::{DynamoDirectory, DynamoLedger};
pub use events::EventBridge;
pub use form_endpoint::HttpFormEndpoint;
pub use http::{Http, HttpTimeouts};
pub use metrics::EmbeddedMetrics;
pub use secrets::{SecretsAdminTokens, SecretsApps, SecretsVault};
pub use sqs::SqsQueue;
