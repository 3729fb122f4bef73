//! How each function starts: this is one of its tests.

use std::process::Command;

#[test]
fn a_start_without_its_settings_ends_and_names_what_is_missing() {
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    let mut bare = Command::new(program);
    let ended = bare.env_clear().env("AWS_REGION", "us-east-1").output();
    let ended = ended.unwrap();

    assert!(!ended.status.success());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("LEADFEED_"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
