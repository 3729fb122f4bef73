//! The guides: each page is in the summary, each link leads somewhere, and each parameter is told.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{root, template};

/// Every page of the guides, and the pages at the top.
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
fn every_link_of_the_guides_leads_somewhere() {
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
            let there = || anchors(&fs::read_to_string(&target).unwrap());
            assert!(
                anchor.is_empty() || there().contains(anchor),
                "{}: {link}",
                path.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 30, "only {seen} links were found");
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
fn every_parameter_is_in_a_group_where_the_console_asks_for_it() {
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
