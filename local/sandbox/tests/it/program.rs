//! Tests of the sandbox as a program.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

fn start(options: &[&str]) -> (Child, BufReader<ChildStdout>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_cc-sandbox"))
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(program.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let url = line
        .strip_prefix("cc-sandbox listening on ")
        .unwrap()
        .trim_end()
        .to_owned();
    (program, stdout, url)
}

fn exits_successfully(program: &mut Child) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(30) {
        if let Some(status) = program.try_wait().unwrap() {
            return status.success();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    program.kill().unwrap();
    false
}

#[tokio::test]
async fn prints_its_url_and_exits_when_stdin_closes() {
    let (mut program, _stdout, url) = start(&["--exit-with-parent", "--client-id", "x"]);
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let apps: serde_json::Value = reqwest::get(format!("{url}/_sandbox/apps"))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(apps[0]["client_id"], "x");

    drop(program.stdin.take());
    assert!(exits_successfully(&mut program));
}

#[tokio::test]
async fn command_line_options_set_settings_and_app_limits() {
    let (mut program, _stdout, url) = start(&[
        "--exit-with-parent",
        "--pkce",
        "accept",
        "--no-limits",
        "--calls-per-second",
        "10",
    ]);
    let get = async |path: &str| {
        let reply = reqwest::get(format!("{url}/_sandbox/{path}"))
            .await
            .unwrap();
        reply.json::<serde_json::Value>().await.unwrap()
    };
    let settings = get("settings").await;
    assert_eq!(
        (&settings["readings"]["pkce"], &settings["limits"]),
        (&"accept".into(), &false.into())
    );
    assert_eq!(get("apps").await[0]["calls_per_second"], 10);
    drop(program.stdin.take());
    assert!(exits_successfully(&mut program));
}

#[test]
fn exits_successfully_on_sigterm() {
    let (mut program, _stdout, _) = start(&[]);
    let id = nix::unistd::Pid::from_raw(i32::try_from(program.id()).unwrap());
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(exits_successfully(&mut program));
}
