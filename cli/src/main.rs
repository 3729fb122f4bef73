//! `leadfeed`: the operator's tool over the admin API.

use std::io::{BufRead, IsTerminal as _, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::Parser as _;
use leadfeed_cli::{Options, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let asks = stdin().is_terminal() && stderr().is_terminal();
    let mut terminal = asks.then(|| stdin().lock());
    let terminal = terminal.as_mut().map(|lines| lines as &mut dyn BufRead);
    match run(Options::parse(), terminal, &mut stdout()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("leadfeed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
