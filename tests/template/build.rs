//! What a function is built with: something that any of Lambda's processors runs, and at once.

use std::fs;

use crate::root;

fn settings() -> String {
    fs::read_to_string(root().join(".cargo/config.toml")).unwrap()
}

/// Everything that may say how a function is compiled.
fn manifests() -> Vec<(String, String)> {
    let mut files: Vec<_> = ["Cargo.toml", ".cargo/config.toml", "template.yaml"]
        .map(str::to_owned)
        .into();
    for function in fs::read_dir(root().join("functions")).unwrap() {
        let name = function.unwrap().file_name().into_string().unwrap();
        files.push(format!("functions/{name}/Cargo.toml"));
    }
    let read = |file: String| {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        (file, text)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn a_function_runs_on_a_processor_other_than_the_one_it_was_built_on() {
    let manifests = manifests();

    assert!(manifests.len() >= 8, "{manifests:?}");
    for (file, text) in manifests {
        for own in ["target-cpu", "target-feature"] {
            assert!(!text.contains(own), "{file} says {own}");
        }
    }
}

#[test]
fn a_start_does_not_gather_randomness_of_its_own() {
    let line = r#"AWS_LC_SYS_NO_JITTER_ENTROPY = "1""#;

    assert!(settings().lines().any(|own| own == line));
}
