//! What the tests share: the local stack, brought up once for all tests of a binary.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

pub mod history;
pub mod scene;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use leadfeed_local::Stack;
use leadfeed_local::progress::Progress;
use leadfeed_shared::adapters::{DynamoDirectory, DynamoLedger};
use tokio::runtime::Runtime;

/// A stack and the runtime that its servers live on, which outlives that of any one test.
static STACK: LazyLock<(Runtime, Stack)> = LazyLock::new(|| {
    // On a thread of its own: tests call from inside their runtimes, where another cannot be waited for.
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

/// A user of the sandbox's first account by whom this customer and no other is connected: one who connects two ends the
/// tokens of the first.
pub fn user_of(customer: &str) -> String {
    let login = format!("{customer}@harbor-bakery.example");
    stack().sandbox().running().add_manager(&login);
    login
}

/// Asks until there is an answer, soon again at first; `None` where there is none after so long.
pub async fn eventually<T>(
    patience: Duration,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> Option<T> {
    let (end, mut pause) = (Instant::now() + patience, Duration::from_millis(25));
    loop {
        let answer = ask().await;
        if answer.is_some() || Instant::now() >= end {
            return answer;
        }
        tokio::time::sleep(pause).await;
        pause = Duration::from_millis(200).min(2 * pause);
    }
}

/// The tables of the stack, as the account's root.
pub fn tables() -> (DynamoDirectory, DynamoLedger) {
    let root = Credentials::from_keys("test", "test", None);
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(root))
        .endpoint_url(stack().aws().endpoint())
        .build();
    let client = aws_sdk_dynamodb::Client::new(&config);
    let name = |output| stack().deployment().output(output).unwrap().to_owned();
    let directory = DynamoDirectory::new(client.clone(), name("DirectoryTable"));
    (directory, DynamoLedger::new(client, name("LedgerTable")))
}
