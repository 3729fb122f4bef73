//! How each function fails to start without what it needs: it exits at once and names in one line what is missing.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

const PROGRAM: &str = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));

/// All variables that any function reads, but no secrets.
const SETTINGS: [(&str, &str); 15] = [
    ("AWS_ACCESS_KEY_ID", "nobody"),
    ("AWS_SECRET_ACCESS_KEY", "nothing"),
    ("LEADFEED_DIRECTORY_TABLE", "directory"),
    ("LEADFEED_LEDGER_TABLE", "ledger"),
    ("LEADFEED_QUEUE_URL", "https://sqs.example/leads"),
    ("LEADFEED_DEAD_LETTERS_URL", "https://sqs.example/dead"),
    ("LEADFEED_EVENT_BUS", "default"),
    ("LEADFEED_STACK", "stack"),
    ("LEADFEED_SECRET_PREFIX", "leadfeed/stack"),
    ("LEADFEED_SERVICE_NAME", "Leadfeed"),
    ("LEADFEED_PUBLIC_URL", "https://leads.example"),
    ("LEADFEED_CC_API_URL", "https://api.example/v3"),
    ("LEADFEED_CC_AUTH_URL", "https://authz.example/v1"),
    ("LEADFEED_OLDEST_LEAD_ALARM", "7200"),
    ("LEADFEED_QUARANTINE_ALARM", "100"),
];

/// Secrets Manager's answer for a missing secret.
const NO_SECRET: &str = "HTTP/1.1 400 Bad Request\r\n\
    content-type: application/x-amz-json-1.1\r\ncontent-length: 38\r\nconnection: close\r\n\r\n\
    {\"__type\":\"ResourceNotFoundException\"}";

#[test]
fn startup_without_settings_fails_and_names_the_missing_variable() {
    let message = failed_start_message(Command::new(PROGRAM).env_clear());

    assert!(message.contains("LEADFEED_"), "{message}");
}

#[test]
fn startup_without_keys_fails_and_names_the_missing_secret() {
    let aws = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", aws.local_addr().unwrap());
    thread::spawn(move || {
        for stream in aws.incoming().flatten() {
            thread::spawn(move || respond(stream));
        }
    });
    let mut start = Command::new(PROGRAM);
    let start = start.env_clear().envs(SETTINGS);

    let message = failed_start_message(start.env("AWS_ENDPOINT_URL", endpoint));

    assert!(message.contains("keys/"), "{message}");
}

/// The one line printed by a failed start.
fn failed_start_message(start: &mut Command) -> String {
    let output = start.env("AWS_REGION", "us-east-1").output().unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

/// Reads a request until no more data arrives, and responds.
fn respond(mut stream: TcpStream) {
    stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut chunk = [0; 4_096];
    while matches!(stream.read(&mut chunk), Ok(read) if read > 0) {}
    stream.write_all(NO_SECRET.as_bytes()).unwrap();
}
