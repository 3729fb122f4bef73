//! `leadfeed`: the operator's command-line tool for the admin API.

use std::io::{IsTerminal as _, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use leadfeed_cli::{Options, Stdin, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let stdin = Stdin {
        lines: &mut stdin().lock(),
        is_terminal: stdin().is_terminal() && stderr().is_terminal(),
    };
    match run(Options::parse(), stdin, &mut stdout()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("leadfeed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
