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

/// The stack of this test binary. It stops when the process ends, even after a crash.
pub fn stack() -> &'static Stack {
    &STACK.1
}

/// Adds a user of the sandbox's first account who connects only this customer: connecting a second one would end the
/// tokens of the first.
pub fn add_user_for(customer: &str) -> String {
    let login = format!("{customer}@harbor-bakery.example");
    stack().sandbox().running().add_manager(&login);
    login
}

/// Polls until the result matches, quickly at first. Returns the last result, which does not match after a timeout.
pub async fn eventually<F, T>(
    timeout: Duration,
    read: impl Fn() -> F,
    is_expected: impl Fn(&T) -> bool,
) -> T
where
    F: Future<Output = T>,
{
    let (deadline, mut pause) = (Instant::now() + timeout, Duration::from_millis(25));
    loop {
        let result = read().await;
        if is_expected(&result) || Instant::now() >= deadline {
            return result;
        }
        tokio::time::sleep(pause).await;
        pause = Duration::from_millis(200).min(2 * pause);
    }
}

/// Serves on a free local port; returns the address.
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
