//! The guides: each page is in the summary, no link is dead, and each parameter is described.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde_json::Value;

use crate::{of_kind, resources, root, template, text};

/// Every page of the guides, and the top-level pages.
fn pages() -> Vec<PathBuf> {
    let root = root();
    let folders = [
        "",
        "docs",
        "docs/operator",
        "docs/customer",
        "docs/integrator",
        "local/sandbox",
    ];
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let paths = files.map(|file| file.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
        .collect()
}

/// Targets of the links and pictures of a page.
fn links(page: &str) -> impl Iterator<Item = &str> {
    page.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
}

/// Headings as links name them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter_map(|line| {
        line.trim_start_matches('#')
            .strip_prefix(' ')
            .filter(|_| line.starts_with('#'))
    });
    let anchor = |heading: &str| {
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn guides_have_no_dead_links_and_no_links_out_of_the_book() {
    let docs = root().join("docs").canonicalize().unwrap();
    let mut seen = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for link in links(&page).filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: {link}", path.display());
            let is_guide = |path: &Path| path.canonicalize().unwrap().starts_with(&docs);
            assert!(
                !is_guide(&path) || is_guide(&target),
                "{}: {link} leads out of the book",
                path.display()
            );
            let target_anchors = || anchors(&fs::read_to_string(&target).unwrap());
            assert!(
                anchor.is_empty() || target_anchors().contains(anchor),
                "{}: {link}",
                path.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 30, "only {seen} links were found");
}

/// A section of a page of the operator's guides, up to the next heading of its level.
fn section(page: &str, heading: &str) -> String {
    let page = fs::read_to_string(root().join("docs/operator").join(page)).unwrap();
    let (_, rest) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let rank = heading.split(' ').next().unwrap();
    let (section, _) = rest.split_once(&format!("\n{rank} ")).unwrap_or((rest, ""));
    section.to_owned()
}

/// The steps for a restored ledger mark each lane as the ledger does, with all that it removes from an emptied one.
#[test]
fn restore_guide_marks_every_lane_as_the_ledger_does() {
    let source = |file: &str| {
        let path = root().join("shared/src/adapters/dynamo").join(file);
        fs::read_to_string(path).unwrap()
    };
    let (lanes, keys) = (source("lanes.rs"), source("keys.rs"));
    let (_, unmarked) = lanes.split_once("_ if emptied => \"REMOVE ").unwrap();
    let (unmarked, _) = unmarked.split_once('"').unwrap();
    let marks = section("upgrade.md", "### The ledger");
    let (_, marks) = marks.split_once("--update-expression '").unwrap();
    let (change, values) = marks.split_once('\'').unwrap();
    let (set, removed) = change.split_once(" REMOVE ").unwrap();
    let set = set.strip_prefix("SET ").unwrap();
    let set = set.split(", ").map(|set| set.split(" = ").next().unwrap());

    let changed: BTreeSet<_> = set.chain([removed]).collect();
    assert_eq!(changed, unmarked.split(", ").collect());
    assert!(keys.contains("const LANES: &str = \"lanes\";"));
    assert!(values.contains(r#"":s": {"S": "lanes"}"#), "{values}");
    assert!(keys.contains("Key::new(format!(\"LANE#{customer}\"), \"LANE\")"));
    let guide = section("upgrade.md", "### The ledger");
    assert!(guide.contains(r#"'{":l": {"S": "LANE#"}}'"#), "{guide}");
}

#[test]
fn new_stack_guide_covers_every_kind_of_secret_and_enabling_the_schedule() {
    let guide = section("upgrade.md", "## Move to a new stack");
    let kinds = Regex::new(r"secret:leadfeed/\$\{AWS::StackName\}/([a-z]+)/\*").unwrap();
    let text = text();
    let kinds: BTreeSet<_> = kinds
        .captures_iter(&text)
        .map(|kind| kind.get(1).unwrap().as_str())
        .collect();

    assert_eq!(kinds, ["app", "captcha", "connection"].into());
    for phrase in [
        "`leadfeed app put` for the default application, and with its ID for every other",
        "leadfeed/NEW/captcha/",
        "each customer connects again",
        "leadfeed/NEW/keys/signing",
        "(`enable-rule`, `--enabled`)",
    ] {
        assert!(guide.contains(phrase), "{phrase}");
    }
}

#[test]
fn runbook_lists_every_route_and_how_to_find_its_5xx_in_the_log() {
    let guide = section("runbook.md", "## HttpErrorsAlarm");
    for route in of_kind("AWS::ApiGatewayV2::Route").into_values() {
        let route = route["Properties"]["RouteKey"].as_str().unwrap();
        assert!(guide.contains(&format!("`{route}`")), "{route}");
    }
    let group = resources()["HttpApiLogs"]["Properties"]["LogGroupName"].clone();
    let group = group
        .as_str()
        .unwrap()
        .replace("${AWS::StackName}", "YOUR-STACK");
    let tail =
        format!("aws logs tail {group} --since 1h --filter-pattern '{{ $.status = \"5*\" }}'");
    assert!(guide.contains(&tail), "{tail}");
    let log = &resources()["HttpStage"]["Properties"]["AccessLogSettings"]["Format"];
    assert!(
        log.as_str()
            .unwrap()
            .contains(r#""status":"$context.status""#)
    );
}

#[test]
fn every_page_of_the_guides_is_in_the_summary() {
    let docs = root().join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let listed: BTreeSet<_> = links(&summary).map(|link| docs.join(link)).collect();
    for page in pages().into_iter().filter(|page| page.starts_with(&docs)) {
        let is_summary = page.ends_with("SUMMARY.md");
        assert!(is_summary || listed.contains(&page), "{}", page.display());
    }
}

#[test]
fn every_parameter_is_in_the_guide_with_its_default() {
    let guide = fs::read_to_string(root().join("docs/operator/deploy.md")).unwrap();
    for (name, parameter) in template()["Parameters"].as_object().unwrap() {
        let default = match &parameter["Default"] {
            Value::String(text) if text.is_empty() => String::new(),
            Value::String(text) => format!("`{text}` "),
            number => format!("`{number}` "),
        };
        let row = format!("\n| `{name}` | {default}| ");
        assert!(guide.contains(&row), "{row}");
    }
}

#[test]
fn every_parameter_is_in_one_parameter_group_of_the_console() {
    let interface = &template()["Metadata"]["AWS::CloudFormation::Interface"];
    let groups = interface["ParameterGroups"].as_array().unwrap().iter();
    let grouped = groups.flat_map(|group| group["Parameters"].as_array().unwrap().clone());
    let mut grouped: Vec<_> = grouped
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    grouped.sort();

    let known: Vec<_> = template()["Parameters"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(grouped, known);
}
