//! `cc-sandbox`: the sandbox as a program.

use std::io::Write;

use anyhow::Context;
use cc_sandbox::settings::{Pkce, Settings};
use cc_sandbox::world::App;
use cc_sandbox::{Config, Sandbox};
use clap::Parser;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// A Constant Contact V3 sandbox on the loopback interface.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// 0 takes a free port
    #[arg(long, default_value_t = 0)]
    port: u16,
    #[arg(long, default_value = "sandbox-client")]
    client_id: String,
    #[arg(long, default_value = "sandbox-secret")]
    client_secret: String,
    /// Registered redirect URIs; may be given several times
    #[arg(long = "redirect-uri", default_value = "https://localhost")]
    redirect_uris: Vec<String>,
    #[arg(long, default_value_t = 4)]
    calls_per_second: u32,
    #[arg(long, default_value_t = 10_000)]
    calls_per_day: u32,
    #[arg(long, value_enum, default_value_t)]
    pkce: Pkce,
    /// No call limits at all
    #[arg(long)]
    no_limits: bool,
    /// The same seed gives the same accounts and ids
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stop when stdin ends, as it does when the parent process is gone
    #[arg(long)]
    exit_with_parent: bool,
}

impl Options {
    fn config(self) -> Config {
        let mut settings = Settings::default();
        settings.readings.pkce = self.pkce;
        settings.limits = !self.no_limits;
        let mut app = App::new(&self.client_id, &self.client_secret, self.redirect_uris);
        app.calls_per_second = self.calls_per_second;
        app.calls_per_day = self.calls_per_day;
        Config {
            port: self.port,
            apps: vec![app],
            settings,
            seed: self.seed,
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let with_parent = options.exit_with_parent;
    // Registered before anybody can know that the program runs.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sandbox = Sandbox::start(options.config())
        .await
        .context("cannot listen")?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "cc-sandbox listening on {}", sandbox.url())?;
    stdout.flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = stdin_ends(), if with_parent => {}
    }
    sandbox.shutdown().await;
    // A pending read of stdin would keep the runtime from shutting down.
    std::process::exit(0)
}

async fn stdin_ends() {
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 256];
    while matches!(stdin.read(&mut ignored).await, Ok(1..)) {}
}
