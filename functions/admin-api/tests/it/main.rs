//! The operator's API from event to answer, on ports in memory.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod connections;
mod csv;
mod customers;
mod document;
mod erasures;
mod events;
mod forms;
mod leads;
mod manage;
mod openapi;
mod receipts;
mod refusals;
mod requests;
mod signed_only;
mod spam;
mod stack;
mod stage;
mod suppressions;
mod upload;

#[test]
fn a_start_without_its_settings_ends_and_names_what_is_missing() {
    let program = env!("CARGO_BIN_EXE_admin-api");
    let mut bare = std::process::Command::new(program);
    let ended = bare.env_clear().env("AWS_REGION", "us-east-1").output();
    let ended = ended.unwrap();

    assert!(!ended.status.success());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("LEADFEED_"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
