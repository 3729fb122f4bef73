//! Shared test support: the local stack, started once for all tests of a binary.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

pub mod history;
pub mod scene;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use leadfeed_local::Stack;
use leadfeed_local::progress::Progress;
use leadfeed_shared::adapters::{DynamoDirectory, DynamoLedger};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A stack and the runtime of its servers, which outlives that of any single test.
static STACK: LazyLock<(Runtime, Stack)> = LazyLock::new(|| {
    // On its own thread: tests call this from inside their runtimes, where one cannot block on another.
    let started = std::thread::spawn(|| {
        let runtime = Runtime::new()?;
        let stack = runtime.block_on(Stack::start(&Progress::new()))?;
        anyhow::Ok((runtime, stack))
    });
    let started = started
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    started.unwrap_or_else(|error| panic!("the local stack did not start: {error:#}"))
});

/// The stack of this test binary. It stops when the process ends, however that ends.
pub fn stack() -> &'static Stack {
    &STACK.1
}

/// A user of the sandbox's first account who connects only this customer: a user who connects two ends the first one's
/// tokens.
pub fn user_of(customer: &str) -> String {
    let login = format!("{customer}@harbor-bakery.example");
    stack().sandbox().running().add_manager(&login);
    login
}

/// Asks until the answer fits, quickly at first. Returns the last answer, which may not fit after all this time.
pub async fn eventually<F, T>(
    patience: Duration,
    ask: impl Fn() -> F,
    fits: impl Fn(&T) -> bool,
) -> T
where
    F: Future<Output = T>,
{
    let (end, mut pause) = (Instant::now() + patience, Duration::from_millis(25));
    loop {
        let answer = ask().await;
        if fits(&answer) || Instant::now() >= end {
            return answer;
        }
        tokio::time::sleep(pause).await;
        pause = Duration::from_millis(200).min(2 * pause);
    }
}

/// Serves at a new address, which is returned.
pub async fn serve(service: Router) -> anyhow::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, service).await });
    Ok(format!("http://{address}"))
}

/// The configuration of clients for this endpoint, as the account's root.
pub fn sdk(endpoint: &str) -> SdkConfig {
    let root = Credentials::from_keys("test", "test", None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(root))
        .retry_config(RetryConfig::standard())
        .endpoint_url(endpoint)
        .build()
}

/// The tables of the stack.
pub fn tables() -> (DynamoDirectory, DynamoLedger) {
    let client = aws_sdk_dynamodb::Client::new(&sdk(stack().aws().endpoint()));
    let name = |output| stack().deployment().output(output).unwrap().to_owned();
    let directory = DynamoDirectory::new(client.clone(), name("DirectoryTable"));
    (directory, DynamoLedger::new(client, name("LedgerTable")))
}
