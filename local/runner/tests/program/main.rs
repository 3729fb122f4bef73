//! The program as a person runs it: what it does with a file of leads, and what is left when it ends.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod process_tree;
mod run;

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::run::Program;

const READY: &str = "Ctrl-C stops everything.";
/// While this shows, the functions are being built.
const BUILDING: &str = "✓ starting MiniStack";
const DEPLOYING: &str = "… deploying the stack";

/// 200 rows, every twentieth of them bad, and the expected message for each of those.
fn leads() -> (String, Vec<&'static str>) {
    let bad = [
        ("", "yes", "email_missing"),
        ("two@@example.com", "yes", "email_malformed"),
        ("no at sign", "yes", "email_malformed"),
        ("dot@example.com.", "yes", "email_malformed"),
        ("a@b", "yes", "email_malformed"),
        ("nothing@example.com", "", "consent_required"),
        ("no@example.com", "no", "consent_required"),
        ("off@example.com", "off", "consent_required"),
        ("false@example.com", "false", "consent_required"),
        ("zero@example.com", "0", "consent_required"),
    ];
    let mut file = "email,first_name,last_name,consent\n".to_owned();
    for number in 0..200 {
        let (email, consent) = match number % 20 {
            19 => (bad[number / 20].0.to_owned(), bad[number / 20].1),
            _ => (format!("lead-{number}@example.com"), "yes"),
        };
        writeln!(file, "{email},Ada,\"Lovelace, {number}\",{consent}").unwrap();
    }
    (file, bad.map(|(_, _, code)| code).to_vec())
}

#[test]
fn file_of_200_leads_delivers_190_and_reports_why_10_were_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (text, codes) = leads();
    let file = folder.path().join("leads.csv");
    std::fs::write(&file, text).unwrap();

    let program = Program::start(&["--once", "--leads", file.to_str().unwrap()]);
    let (code, output) = program.wait();

    assert_eq!(code, Some(0), "{output}");
    let sum = "190 delivered, 10 refused with a reason; the sandbox holds 190 new contacts";
    assert!(output.contains(sum), "{output}");
    let refused: Vec<&str> = output
        .lines()
        .filter(|line| line.contains("  refused  "))
        .collect();
    assert_eq!(refused.len(), codes.len(), "{refused:#?}");
    for (line, code) in refused.iter().zip(codes) {
        assert!(line.contains(code), "{line} does not say {code}");
    }
}

#[test]
fn no_process_or_port_is_left_however_the_program_ends() {
    let program = Program::start(&[]);
    program.wait_for(READY);
    let tree = program.process_tree();
    assert!(
        tree.port_count() >= 3,
        "the stack, the sandbox and MiniStack listen"
    );
    tree.assert_on_loopback_only();
    program.signal(Signal::SIGINT);
    let (code, output) = program.wait();
    assert_eq!(code, Some(130), "{output}");
    tree.assert_gone();

    for (text, signal, expected) in [
        (BUILDING, Signal::SIGTERM, Some(143)),
        (DEPLOYING, Signal::SIGKILL, None),
    ] {
        let program = Program::start(&["--once"]);
        program.wait_for(text);
        let tree = program.process_tree();
        program.signal(signal);
        assert_eq!(program.wait().0, expected);
        tree.assert_gone();
    }

    let program = Program::start(&["--once"]);
    program.wait_for(DEPLOYING);
    let tree = program.process_tree();
    tree.kill("ministack");
    let (code, output) = program.wait();
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("Error: "), "{output}");
    tree.assert_gone();
}

#[test]
fn unreadable_leads_file_is_reported_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("leads.txt");
    std::fs::write(&text, "").unwrap();
    for (file, words) in [
        (folder.path().join("missing.csv"), "cannot read"),
        (text, "neither .csv nor .jsonl"),
    ] {
        let program = Program::start(&["--once", "--leads", file.to_str().unwrap()]);

        let (code, output) = program.wait();

        assert_eq!(code, Some(1), "{output}");
        assert!(output.contains(words), "{output}");
        assert!(!output.contains("MiniStack"), "{output}");
    }
}

#[test]
fn tool_that_builds_waits_for_other_builds_and_holds_them_up_in_turn() {
    let locks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.local/locks");
    std::fs::create_dir_all(&locks).unwrap();
    let lock = File::create(locks.join("build")).unwrap();
    lock.lock().unwrap();

    let program = Program::start(&["tool", "sam", "build", "--help"]);
    program.wait_for("waiting for other builds");
    sleep(Duration::from_secs(2)); // in which it would have answered
    assert!(!program.output().contains("Usage"), "it did not wait");
    lock.unlock().unwrap();
    program.wait_for("✓ waiting for other builds");

    lock.lock().unwrap();
    sleep(Duration::from_millis(100)); // much less than it takes to answer
    assert!(program.output().contains("Usage"), "it let go of its turn");
    assert_eq!(program.wait().0, Some(0));
}
