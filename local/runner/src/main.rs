//! `cargo run`: starts the local stack and shows a customer connecting and leads arriving.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use leadfeed_local::Stack;
use leadfeed_local::demo::Demo;
use leadfeed_local::leads;
use leadfeed_local::progress::Progress;
use leadfeed_local::tools::exec_tool;
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
    /// Run a tool of the pinned environments: sam, cfn-lint, cargo-lambda, cargo-deny or mdbook
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
        exec_tool(&progress, name, arguments).await?;
    }
    let outcome = tokio::select! {
        outcome = run(&options, &progress) => outcome,
        code = stop_signal() => return Ok(ExitCode::from(code?)),
    };
    Ok(outcome.unwrap_or_else(|error| {
        eprintln!("Error: {error:#}");
        ExitCode::FAILURE
    }))
}

/// Waits for Ctrl-C or a termination signal; returns the exit code.
async fn stop_signal() -> Result<u8> {
    let mut terminate = signal(SignalKind::terminate())?;
    let code = tokio::select! {
        result = tokio::signal::ctrl_c() => result.map(|()| 130)?,
        _ = terminate.recv() => 143,
    };
    eprintln!("\nStopping everything …");
    Ok(code)
}

async fn run(options: &Options, progress: &Progress) -> Result<ExitCode> {
    let leads = options.leads.as_deref().map(leads::read).transpose()?;
    let stack = Stack::start(progress).await?;
    let demo = Demo::prepare(&stack, progress).await?;
    let settled = demo.run(&stack, leads, progress).await?;
    if options.once {
        return Ok(if settled {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    progress.print(&format!("\n{}", demo.next_steps(&stack).await?));
    std::future::pending().await
}
