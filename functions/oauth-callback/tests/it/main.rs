//! Connecting through the door of the function, on ports in memory.
#![cfg(test)]

mod browser;
mod callback;
mod secrets;
mod stage;
mod start;
mod steps;
mod trouble;
mod two_customers;

#[test]
fn a_start_without_its_settings_ends_and_names_what_is_missing() {
    let program = env!("CARGO_BIN_EXE_oauth-callback");
    let mut bare = std::process::Command::new(program);
    let ended = bare.env_clear().env("AWS_REGION", "us-east-1").output();
    let ended = ended.unwrap();

    assert!(!ended.status.success());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("LEADFEED_"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
