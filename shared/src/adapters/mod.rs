//! The ports kept with DynamoDB, SQS, Secrets Manager, EventBridge and the Constant Contact API, and what the
//! environment configures.
//!
//! Adapters translate and decide nothing. A port that promises one atomic step is one conditional request here.

#[cfg(feature = "aws")]
mod aws;
#[cfg(all(feature = "aws", feature = "constant-contact"))]
mod captcha;
#[cfg(feature = "aws")]
mod clock;
#[cfg(feature = "aws")]
pub mod config;
#[cfg(feature = "constant-contact")]
mod constant_contact;
#[cfg(feature = "constant-contact")]
mod door;
#[cfg(feature = "aws")]
mod dynamo;
#[cfg(feature = "aws")]
mod events;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "aws")]
mod metrics;
#[cfg(feature = "aws")]
mod sdk_error;
#[cfg(feature = "aws")]
mod sdk_http;
#[cfg(feature = "aws")]
mod secrets;
#[cfg(feature = "aws")]
mod sqs;
#[cfg(all(feature = "aws", feature = "constant-contact"))]
mod wiring;

#[cfg(feature = "aws")]
pub use aws::{Aws, Patience};
#[cfg(all(feature = "aws", feature = "constant-contact"))]
pub use captcha::SiteVerify;
#[cfg(feature = "aws")]
pub use clock::{OsDice, SystemClock};
#[cfg(feature = "constant-contact")]
pub use constant_contact::{ConstantContact, TokenEndpoint};
#[cfg(feature = "constant-contact")]
pub use door::FrontDoor;
#[cfg(feature = "aws")]
pub use dynamo::{DynamoDirectory, DynamoLedger};
#[cfg(feature = "aws")]
pub use events::EventBridge;
#[cfg(feature = "http")]
pub use http::{Deadlines, Http};
#[cfg(feature = "aws")]
pub use metrics::EmbeddedMetrics;
#[cfg(feature = "aws")]
pub use secrets::{SecretsAdminTokens, SecretsApps, SecretsVault};
#[cfg(feature = "aws")]
pub use sqs::SqsQueue;
