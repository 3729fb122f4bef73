//! How each function fails to start without what it needs: it ends at once, and says what is missing in one line.

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
fn a_start_without_its_settings_ends_and_names_what_is_missing() {
    let said = starts(Command::new(PROGRAM).env_clear());

    assert!(said.contains("LEADFEED_"), "{said}");
}

#[test]
fn a_start_without_its_keys_ends_and_names_what_is_missing() {
    let aws = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", aws.local_addr().unwrap());
    thread::spawn(move || {
        for asked in aws.incoming().flatten() {
            thread::spawn(move || answer(asked));
        }
    });
    let mut start = Command::new(PROGRAM);
    let start = start.env_clear().envs(SETTINGS);

    let said = starts(start.env("AWS_ENDPOINT_URL", endpoint));

    assert!(said.contains("keys/"), "{said}");
}

/// The one line printed by a failed start.
fn starts(start: &mut Command) -> String {
    let ended = start.env("AWS_REGION", "us-east-1").output().unwrap();
    assert!(!ended.status.success());
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

/// Reads a request until nothing more comes, and answers it.
fn answer(mut asked: TcpStream) {
    asked
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut chunk = [0; 4_096];
    while matches!(asked.read(&mut chunk), Ok(read) if read > 0) {}
    asked.write_all(NO_SECRET.as_bytes()).unwrap();
}
