//! The program as a person runs it: what it does with a file of leads, and what is left when it ends.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod left;
mod run;

use std::fmt::Write as _;

use nix::sys::signal::Signal;

use crate::run::Program;

const UP: &str = "Ctrl-C stops everything.";
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
fn of_200_leads_in_a_file_the_190_good_ones_arrive_and_the_10_bad_ones_are_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let (text, codes) = leads();
    let file = folder.path().join("leads.csv");
    std::fs::write(&file, text).unwrap();

    let program = Program::start(&["--once", "--leads", file.to_str().unwrap()]);
    let (code, said) = program.end();

    assert_eq!(code, Some(0), "{said}");
    let sum = "190 delivered, 10 refused with a reason; the sandbox holds 190 new contacts";
    assert!(said.contains(sum), "{said}");
    let refused: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("  refused  "))
        .collect();
    assert_eq!(refused.len(), codes.len(), "{refused:#?}");
    for (line, code) in refused.iter().zip(codes) {
        assert!(line.contains(code), "{line} does not say {code}");
    }
}

#[test]
fn however_it_ends_no_process_and_no_port_is_left() {
    let program = Program::start(&[]);
    program.until(UP);
    let left = program.everything();
    assert!(
        left.ports() >= 3,
        "the stack, the sandbox and MiniStack listen"
    );
    left.assert_on_loopback_only();
    program.signal(Signal::SIGINT);
    let (code, said) = program.end();
    assert_eq!(code, Some(130), "{said}");
    left.assert_gone();

    for (words, signal, expected) in [
        (BUILDING, Signal::SIGTERM, Some(143)),
        (DEPLOYING, Signal::SIGKILL, None),
    ] {
        let program = Program::start(&["--once"]);
        program.until(words);
        let left = program.everything();
        program.signal(signal);
        assert_eq!(program.end().0, expected);
        left.assert_gone();
    }

    let program = Program::start(&["--once"]);
    program.until(DEPLOYING);
    let left = program.everything();
    left.kill("ministack");
    let (code, said) = program.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("Error: "), "{said}");
    left.assert_gone();
}

#[test]
fn a_file_that_cannot_be_read_is_told_of_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("leads.txt");
    std::fs::write(&text, "").unwrap();
    for (file, words) in [
        (folder.path().join("missing.csv"), "cannot read"),
        (text, "neither .csv nor .jsonl"),
    ] {
        let program = Program::start(&["--once", "--leads", file.to_str().unwrap()]);

        let (code, said) = program.end();

        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(!said.contains("MiniStack"), "{said}");
    }
}
