//! How functions are compiled: to run on any of Lambda's processors, and to start without delay.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use crate::root;

fn settings() -> String {
    fs::read_to_string(root().join(".cargo/config.toml")).unwrap()
}

/// All files that may say how a function is compiled.
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
fn functions_are_not_built_for_a_specific_cpu() {
    let manifests = manifests();

    assert!(manifests.len() >= 8, "{manifests:?}");
    for (file, text) in manifests {
        for option in ["target-cpu", "target-feature"] {
            assert!(!text.contains(option), "{file} sets {option}");
        }
    }
}

#[test]
fn aws_lc_is_built_without_jitter_entropy() {
    let line = r#"AWS_LC_SYS_NO_JITTER_ENTROPY = "1""#;

    assert!(settings().lines().any(|setting| setting == line));
}

/// Each package that a function's build compiles, with the features requested for the function, and for build-time
/// code.
fn compiled(function: &str) -> BTreeMap<String, BTreeSet<String>> {
    let tree = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--locked", "--edges", "normal,build"])
        .args(["--prefix", "none", "--no-dedupe", "--format", "{p}|{f}"])
        .args(["--package", function])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{tree:?}");
    let mut compiled: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(tree.stdout).unwrap().lines() {
        let (package, features) = line.split_once('|').unwrap();
        let known = compiled.entry(package.to_owned()).or_default();
        known.insert(features.to_owned());
    }
    compiled
}

#[test]
fn shared_dependencies_have_the_same_features_in_every_function() {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for function in fs::read_dir(root().join("functions")).unwrap() {
        let function = function.unwrap().file_name().into_string().unwrap();
        let compiled = compiled(&function);
        assert!(
            compiled
                .keys()
                .any(|package| package.starts_with("aws-sdk-"))
        );
        for (package, features) in compiled {
            let known = all
                .entry(package.clone())
                .or_insert_with(|| features.clone());
            assert_eq!(
                *known, features,
                "{package} of {function}: see shared/Cargo.toml"
            );
        }
    }
}
