//! The guides as a book: `mdbook build docs` has to build it without a dead link.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use leadfeed_local::progress::Progress;
use leadfeed_local::tools::program_of;
use regex_lite::Regex;

use crate::root;

/// The pages below a folder.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages.extend(self::pages(&path));
        } else if path.extension().is_some_and(|kind| kind == "html") {
            pages.push(path);
        }
    }
    pages
}

/// The target of a link on a page: a file, and an anchor in it.
fn target<'l>(book: &Path, page: &Path, link: &'l str) -> (PathBuf, &'l str) {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = match (file, file.strip_prefix('/')) {
        ("", _) => page.to_owned(),
        (_, Some(from_root)) => book.join(from_root),
        (file, None) => page.parent().unwrap().join(file),
    };
    (path, anchor)
}

#[tokio::test]
async fn mdbook_builds_the_guides_without_warnings_or_dead_links() {
    let mdbook = program_of(&Progress::new(), "docs", "mdbook").await;
    let folder = tempfile::tempdir().unwrap();
    let book = folder.path();
    let mut build = Command::new(mdbook.unwrap());
    build.arg("build").arg(root().join("docs"));
    let built = build.arg("--dest-dir").arg(book).output().unwrap();
    let output = String::from_utf8([built.stdout, built.stderr].concat()).unwrap();

    assert!(built.status.success(), "{output}");
    assert!(
        !output.contains("WARN") && !output.contains("ERROR"),
        "{output}"
    );
    let links = Regex::new(r#"\b(?:href|src)="([^"]*)""#).unwrap();
    let mut seen = 0;
    for page in pages(book) {
        let html = fs::read_to_string(&page).unwrap();
        let found = links.captures_iter(&html).map(|link| link[1].to_owned());
        for link in found.filter(|link| !link.contains("://")) {
            let (file, anchor) = target(book, &page, &link);
            assert!(file.exists(), "{}: {link}", page.display());
            let has_anchor = || {
                let html = fs::read_to_string(&file).unwrap();
                html.contains(&format!("id=\"{anchor}\""))
            };
            assert!(
                anchor.is_empty() || has_anchor(),
                "{}: {link}",
                page.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 300, "only {seen} links were found");
}
