//! `leadfeed`: the operator's tool over the admin API.

use std::process::ExitCode;

use clap::Parser as _;
use leadfeed_cli::{Options, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Options::parse(), &mut std::io::stdout()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("leadfeed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
