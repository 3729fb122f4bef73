//! Brings the local stack up.

use std::process::ExitCode;

use leadfeed_local::Stack;
use leadfeed_local::progress::Progress;

async fn run() -> anyhow::Result<()> {
    let progress = Progress::new();
    let stack = Stack::start(&progress).await?;
    println!("{} {}", stack.url(), stack.admin_token());
    std::future::pending().await
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = tokio::select! {
        outcome = run() => outcome,
        _ = tokio::signal::ctrl_c() => return ExitCode::from(130),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
